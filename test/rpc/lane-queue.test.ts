import test from 'ava';
import { LaneQueue } from '../../src/rpc/lane-queue.js';
import type { LaneQueueLimits } from '../../src/rpc/lane-queue.js';
import { Random } from '../verify/random.js';

/** A stream below that passes on one message when told to. */
class SlowSink {
  readonly written: Buffer[] = [];
  readonly #pending: (() => void)[] = [];

  write(message: Buffer, sent: () => void): boolean {
    this.written.push(message);
    this.#pending.push(sent);
    return true;
  }

  get pending(): number {
    return this.#pending.length;
  }

  send(): boolean {
    const sent = this.#pending.shift();
    sent?.();
    return sent !== undefined;
  }
}

const bytes = (length: number, mark = 0): Buffer => Buffer.alloc(length, mark);
const atOnce = (task: () => void): void => task();
const limits = { maxBytes: 1_000_000, maxMessages: 10, drop: 'newest' } as const;

test('small messages go through at once, and memory counts until they have left', (t) => {
  const sink = new SlowSink();
  const queue = new LaneQueue(sink, limits, atOnce);
  t.true(queue.push(bytes(100)));
  t.is(sink.written.length, 1);
  t.is(queue.bytes, 100);
  sink.send();
  t.is(queue.bytes, 0);
});

test('only so much is handed over at a time; the rest follows as it leaves, in order', (t) => {
  const sink = new SlowSink();
  const queue = new LaneQueue(sink, limits, atOnce);
  for (let mark = 0; mark < 5; mark += 1) queue.push(bytes(200_000, mark));
  t.is(sink.written.length, 2);
  while (sink.send());
  t.deepEqual(
    sink.written.map((message) => message[0]),
    [0, 1, 2, 3, 4],
  );
});

test('what waited follows in a later turn, so that other sockets are served in between', (t) => {
  const turns: (() => void)[] = [];
  const sink = new SlowSink();
  const queue = new LaneQueue(sink, limits, (task) => turns.push(task));
  for (let mark = 0; mark < 4; mark += 1) queue.push(bytes(250_000, mark));
  t.is(sink.written.length, 2);
  sink.send();
  sink.send();
  t.is(sink.written.length, 2);
  turns.splice(0).forEach((turn) => turn());
  t.is(sink.written.length, 4);
});

test('a message larger than what is handed over at a time still goes', (t) => {
  const sink = new SlowSink();
  const queue = new LaneQueue(sink, limits, atOnce);
  queue.push(bytes(900_000));
  queue.push(bytes(10));
  t.is(sink.written.length, 1);
  sink.send();
  t.is(sink.written.length, 2);
});

test('after close nothing more is handed over or accepted', (t) => {
  const sink = new SlowSink();
  const queue = new LaneQueue(sink, limits, atOnce);
  for (let count = 0; count < 4; count += 1) queue.push(bytes(200_000));
  queue.close();
  t.false(queue.push(bytes(1)));
  while (sink.send());
  t.is(sink.written.length, 2);
});

/** The queue as it would be written without care for speed. */
class NaiveQueue {
  waiting: number[] = [];
  inFlight: number[] = [];
  written: number[] = [];
  dropped = 0;
  readonly limits: LaneQueueLimits;
  readonly sizes = new Map<number, number>();

  constructor(limits: LaneQueueLimits) {
    this.limits = limits;
  }

  size(ids: readonly number[]): number {
    return ids.reduce((sum, id) => sum + (this.sizes.get(id) ?? 0), 0);
  }

  push(id: number, length: number): void {
    this.sizes.set(id, length);
    const full = (): boolean =>
      this.size([...this.waiting, ...this.inFlight]) + length > this.limits.maxBytes ||
      this.waiting.length >= this.limits.maxMessages;
    while (full() && this.limits.drop === 'oldest' && this.waiting.length > 0) {
      this.waiting.shift();
      this.dropped += 1;
    }
    if (full()) this.dropped += 1;
    else this.waiting.push(id);
    this.flush();
  }

  flush(): void {
    while (this.waiting.length > 0 && this.size(this.inFlight) < 256 * 1024) {
      const id = this.waiting.shift() ?? 0;
      this.inFlight.push(id);
      this.written.push(id);
    }
  }

  send(): void {
    this.inFlight.shift();
    this.flush();
  }
}

for (const drop of ['oldest', 'newest'] as const) {
  test(`dropping the ${drop}, the queue does what the naive one does`, (t) => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = new Random(seed);
      const bounds = { maxBytes: 900_000, maxMessages: 1 + random.below(12), drop };
      const sink = new SlowSink();
      const queue = new LaneQueue(sink, bounds, atOnce);
      const naive = new NaiveQueue(bounds);
      for (let step = 0; step < 300; step += 1) {
        if (random.below(5) < 3) {
          const message = bytes(4 + random.below(150_000));
          message.writeUInt32BE(step);
          queue.push(message);
          naive.push(step, message.length);
        } else if (sink.send()) naive.send();
        const written = sink.written.map((message) => message.readUInt32BE());
        if (step % 50 === 49) t.deepEqual(written, naive.written, `seed ${seed}`);
        t.is(queue.dropped, naive.dropped, `seed ${seed} step ${step}`);
        t.is(queue.bytes, naive.size([...naive.waiting, ...naive.inFlight]));
      }
    }
  });
}
