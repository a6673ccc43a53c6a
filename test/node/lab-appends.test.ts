import test from 'ava';
import { MAX_LAB_ITEMS } from '../../src/authority/testimony.js';
import type { CommandResult } from '../../src/node/core/proposals.js';
import { LabAppends } from '../../src/node/host/lab-appends.js';

/** Laboratory appends whose commands and ends of turns the test holds in its hands. */
class Bench {
  readonly commands: { items: readonly Uint8Array[]; done: (result: CommandResult) => void }[] = [];
  readonly answers: string[] = [];
  #turn: (() => void)[] = [];
  readonly #appends = new LabAppends(
    (items, done) => this.commands.push({ items, done }),
    (task) => this.#turn.push(task),
  );

  append(name: string, ...sizes: readonly number[]): void {
    this.#appends.append(
      sizes.map((size, n) => new Uint8Array(size).fill(n)),
      (answer) => this.answers.push(`${name} ${'refused' in answer ? answer.refused : answer.firstLeaf}`),
    );
  }

  endTurn(): void {
    const tasks = this.#turn;
    this.#turn = [];
    for (const task of tasks) task();
  }

  sizes(): number[][] {
    return this.commands.map(({ items }) => items.map(({ length }) => length));
  }

  answer(command: number, result: CommandResult): void {
    this.commands[command]?.done(result);
  }
}

const accepted = (leaf: number): CommandResult => ({ status: 'accepted', leaf, raftIndex: 1 });

test('requests of one turn become one command, and each is told its own first leaf', (t) => {
  const bench = new Bench();
  bench.append('a', 10, 20);
  bench.append('b', 30);
  bench.append('c', 40, 50, 60);
  t.deepEqual(bench.sizes(), [], 'nothing is proposed before the turn ends');
  bench.endTurn();
  t.deepEqual(bench.sizes(), [[10, 20, 30, 40, 50, 60]]);
  bench.answer(0, accepted(1000));
  t.deepEqual(bench.answers, ['a 1000', 'b 1002', 'c 1003']);
});

test('a later turn makes a later command', (t) => {
  const bench = new Bench();
  bench.append('a', 1);
  bench.endTurn();
  bench.append('b', 2);
  bench.endTurn();
  bench.endTurn();
  t.deepEqual(bench.sizes(), [[1], [2]]);
});

test('a command ends before it would exceed the number of items or a mebibyte, never within a request', (t) => {
  const bench = new Bench();
  bench.append('many', ...new Array<number>(MAX_LAB_ITEMS - 1).fill(1));
  bench.append('fits', 1);
  bench.append('too many', 1, 1);
  bench.append('large', 1 << 20);
  bench.append('after', 7);
  bench.endTurn();
  t.deepEqual(
    bench.sizes().map(({ length }) => length),
    [MAX_LAB_ITEMS, 2, 1, 1],
  );
  t.deepEqual(bench.sizes()[3], [7]);
});

test('a refusal and an unknown outcome reach every request of the command, with a reason of the closed list', (t) => {
  const bench = new Bench();
  bench.append('a', 1);
  bench.append('b', 2);
  bench.endTurn();
  bench.append('c', 3);
  bench.endTurn();
  bench.append('d', 4);
  bench.endTurn();
  bench.answer(0, { status: 'refused', reason: 'NOT_LABORATORY', detail: '' });
  bench.answer(1, { status: 'refused', reason: 'no reason of the list', detail: '' });
  bench.answer(2, { status: 'unknown', leader: null });
  t.deepEqual(bench.answers, [
    'a NOT_LABORATORY',
    'b NOT_LABORATORY',
    'c COMMAND_REFUSED',
    'd OUTCOME_UNKNOWN',
  ]);
});
