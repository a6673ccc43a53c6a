/**
 * A loop over steps that call back at once or later. Steps that call back at once do not nest: a store in memory
 * answers a million of them on one stack frame.
 */
export function repeat(step: (next: (more: boolean) => void) => void, done: () => void): void {
  new Repetition(step, done).run();
}

type Answer = 'none' | 'more' | 'end';

class Repetition {
  readonly #step: (next: (more: boolean) => void) => void;
  readonly #done: () => void;
  #isInStep = false;
  #answer: Answer = 'none';

  constructor(step: (next: (more: boolean) => void) => void, done: () => void) {
    this.#step = step;
    this.#done = done;
  }

  run(): void {
    let answer: Answer;
    do answer = this.#once();
    while (answer === 'more');
    if (answer === 'end') this.#done();
  }

  /** What the step answered before it returned. */
  #once(): Answer {
    this.#answer = 'none';
    this.#isInStep = true;
    this.#step((more) => this.#next(more));
    this.#isInStep = false;
    return this.#answer;
  }

  #next(more: boolean): void {
    if (this.#isInStep) this.#answer = more ? 'more' : 'end';
    else if (more) this.run();
    else this.#done();
  }
}
