import test from 'ava';
import * as iv from '../../src/time/interval.js';
import { taiNs } from '../../src/time/types.js';

/** Small seeded generator: the same run every time. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('every operation keeps the truth inside', (t) => {
  const next = generator(1);
  const draw = (): [iv.DurInterval, bigint] => {
    const lo = next(2001) - 1000;
    const width = next(500);
    return [iv.interval(BigInt(lo), BigInt(lo + width)), BigInt(lo + (width === 0 ? 0 : next(width + 1)))];
  };
  for (let i = 0; i < 20_000; i++) {
    const [a, x] = draw();
    const [b, y] = draw();
    const meet = iv.intersect(a, b);
    const ok =
      iv.contains(iv.add(a, b), x + y) &&
      iv.contains(iv.subtract(a, b), x - y) &&
      iv.contains(iv.negate(a), -x) &&
      iv.contains(iv.hull(a, b), x) &&
      iv.contains(iv.hull(a, b), y) &&
      iv.contains(iv.widen(a, 7n), x - 7n) &&
      iv.contains(iv.around(iv.midpoint(a), iv.halfWidth(a)), x) &&
      (!iv.contains(b, x) || (meet !== null && iv.contains(meet, x)));
    if (!ok) {
      t.fail(`case ${i}`);
      return;
    }
  }
  t.pass();
});

test('statements that contradict each other have no intersection', (t) => {
  t.is(iv.intersect(iv.interval(0n, 1n), iv.interval(2n, 3n)), null);
  t.deepEqual(iv.intersect(iv.interval(0n, 2n), iv.interval(2n, 3n)), iv.interval(2n, 2n));
  t.is(iv.combine([]), null);
  t.is(iv.combine([iv.interval(0n, 5n), iv.interval(3n, 9n), iv.interval(6n, 7n)]), null);
  t.deepEqual(
    iv.combine([iv.interval(0n, 5n), iv.interval(3n, 9n), iv.interval(4n, 7n)]),
    iv.interval(4n, 5n),
  );
});

test('limits are open: touching one is neither inside nor, from within, outside', (t) => {
  const cases: [bigint, bigint, boolean, boolean][] = [
    [-99n, 99n, true, false],
    [-100n, 0n, false, false],
    [0n, 100n, false, false],
    [100n, 200n, false, true],
    [-200n, -100n, false, true],
    [-200n, 200n, false, false],
  ];
  for (const [lo, hi, inside, outside] of cases) {
    t.is(iv.insideLimit(iv.interval(lo, hi), 100n), inside, `[${lo.toString()}, ${hi.toString()}]`);
    t.is(iv.outsideLimit(iv.interval(lo, hi), 100n), outside, `[${lo.toString()}, ${hi.toString()}]`);
  }
});

test('uncertain instants', (t) => {
  const a = { earliest: taiNs(100n), latest: taiNs(110n) };
  const b = { earliest: taiNs(90n), latest: taiNs(105n) };
  t.deepEqual(iv.instantDifference(a, b), iv.interval(-5n, 20n));
  t.deepEqual(iv.shiftInstant(a, iv.interval(-1n, 2n)), { earliest: taiNs(99n), latest: taiNs(112n) });
  t.deepEqual(iv.intersectInstant(a, b), { earliest: taiNs(100n), latest: taiNs(105n) });
  t.is(iv.intersectInstant(a, { earliest: taiNs(0n), latest: taiNs(99n) }), null);
});

test('swapped bounds and negative widening are refused', (t) => {
  t.throws(() => iv.interval(1n, 0n), { instanceOf: RangeError });
  t.throws(() => iv.around(0n, -1n), { instanceOf: RangeError });
  t.throws(() => iv.widen(iv.interval(0n, 1n), -1n), { instanceOf: RangeError });
});
