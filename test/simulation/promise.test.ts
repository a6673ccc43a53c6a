/** PromiseHolds: what it takes as holding, and for how long after a fault it is silent; never longer. */
import test from 'ava';
import type { Answered, Judged } from './promise.js';
import { PromiseOracle } from './promise.js';
import { Violation } from './violation.js';

const MS = 1_000_000n;
/** Truth 0 at every instant; the reading and its bound are the same. */
const reading = (earliest: bigint, latest: bigint, rest: Partial<Judged> = {}): Judged => ({
  mono: 0n,
  truth: 0n,
  earliest,
  latest,
  bound: { earliest, latest },
  beyondPpb: 0,
  state: 'acquiring',
  ...rest,
});
const right = reading(-MS, MS);
/** The truth is out by 2 ms. */
const wrong = reading(2n * MS, 3n * MS);

/** An exchange with a round trip of 1 ms, begun at `m1`. */
const exchange = (m1: bigint, rest: Partial<Answered> = {}): Answered => ({
  m1,
  m4: m1 + MS,
  taken: true,
  knew: true,
  knows: true,
  ...rest,
});

/** Something happens at 10 ms; then every reading that must be in order is judged. */
type Story = (oracle: PromiseOracle) => void;

const violations: Readonly<Record<string, Story>> = {
  'nothing has happened to the clock': (oracle) => oracle.judge(wrong, false),
  'a clock that starts anew after the fault': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered(exchange(11n * MS, { knew: false }), false);
    oracle.judge(wrong, false);
  },
  'out by more than the width of a sample that it took since': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered(exchange(11n * MS), false);
    oracle.judge(wrong, false);
  },
  'a second sample in a row is refused without a consequence': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered(exchange(11n * MS, { taken: false }), false);
    oracle.answered(exchange(13n * MS, { taken: false }), false);
    oracle.judge(wrong, false);
  },
  'the truth leaves a bound that it was in': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered(exchange(11n * MS), false);
    oracle.judge(right, false);
    oracle.judge(reading(10n, MS), false);
  },
  'a rate of the fault explains less': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered(exchange(11n * MS), false);
    oracle.judge({ ...wrong, mono: 12n * MS, beyondPpb: 1000 }, false);
  },
};

for (const [name, story] of Object.entries(violations)) {
  test(`fires: ${name}`, (t) => {
    const error = t.throws(
      () => {
        story(new PromiseOracle());
      },
      { instanceOf: Violation },
    );
    t.is(error.invariant, 'PromiseHolds');
  });
}

const silences: Readonly<Record<string, Story>> = {
  'while the fault lasts': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered(exchange(11n * MS), true);
    oracle.judge(wrong, true);
  },
  'after it, before the next sample': (oracle) => {
    oracle.broke(10n * MS);
    oracle.judge(wrong, false);
  },
  'after a sample whose exchange began in the fault': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered(exchange(9n * MS, { knew: false }), false);
    oracle.judge(wrong, false);
  },
  'one sample is suspect': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered(exchange(11n * MS, { taken: false }), false);
    oracle.judge(wrong, false);
  },
  'out by less than the width of a sample that contradicts nothing': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered({ ...exchange(11n * MS), m4: 14n * MS }, false);
    oracle.judge(wrong, false);
  },
  'a rate of the fault is still assumed, and has added that much': (oracle) => {
    oracle.broke(10n * MS);
    oracle.answered(exchange(11n * MS), false);
    oracle.judge({ ...wrong, mono: 1011n * MS, beyondPpb: 1_000_000 }, false);
  },
};

for (const [name, story] of Object.entries(silences)) {
  test(`is silent: ${name}`, (t) => {
    t.notThrows(() => {
      story(new PromiseOracle());
    });
  });
}
