import test from 'ava';
import {
  boundAt,
  boundFromSample,
  intersectSample,
  rhoFor,
  scaleDown,
  scaleUp,
  withRate,
} from '../../src/clock/core/bound.js';
import { overlayAt, seedOverlay, steer } from '../../src/clock/core/overlay.js';
import {
  countRuns,
  criticalRuns,
  estimate,
  fitLine,
  predict,
  tQuantile,
} from '../../src/clock/core/regression.js';
import type { Point } from '../../src/clock/core/regression.js';
import type { Sample } from '../../src/clock/core/sample.js';
import { monoNs, taiNs } from '../../src/time/types.js';
import { Random } from './random.js';

function sampleAt(mid: bigint, theta: bigint, delay = 100_000n, error = 1_000n): Sample {
  return {
    m1: monoNs(mid - delay / 2n),
    m4: monoNs(mid + delay / 2n),
    mid: monoNs(mid),
    lo: theta - delay / 2n - error,
    hi: theta + delay / 2n + error,
    theta,
    delay,
    error,
    leapIndicator: 0,
    stratum: 1,
  };
}

test('scaling rounds outward in both signs', (t) => {
  const random = new Random(1);
  for (let i = 0; i < 5000; i++) {
    const [a, b] = [random.ns(0n, 10n ** 13n), random.ns(-100_000n, 100_000n)];
    const [down, up] = [scaleDown(a, b) * 1_000_000_000n, scaleUp(a, b) * 1_000_000_000n];
    const exact = a * b;
    if (!(down <= exact && exact <= up && up - down < 2_000_000_000n)) {
      t.fail(`${a.toString()} × ${b.toString()}`);
      return;
    }
  }
  t.pass();
});

test('carried forward step by step, a bound is never narrower than carried at once', (t) => {
  const random = new Random(2);
  for (let i = 0; i < 500; i++) {
    const start = boundFromSample(
      sampleAt(10n ** 12n, 5n * 10n ** 17n),
      monoNs(10n ** 12n + 50_000n),
      random.ns(-50_000n, 50_000n),
      15_000n,
    );
    let stepwise = start;
    let mono = start.mono;
    for (let step = 0; step < 20; step++) {
      mono = monoNs(mono + random.ns(0n, 10n ** 9n));
      stepwise = withRate(stepwise, mono, start.ratePpb, start.rhoPpb);
    }
    const once = boundAt(start, mono);
    t.true(stepwise.lo <= once.lo && stepwise.hi >= once.hi && once.lo - stepwise.lo <= 20n);
  }
});

test('metamorphic: more delay in either direction never moves an edge inward past the truth', (t) => {
  const random = new Random(3);
  const truth = 7n * 10n ** 17n;
  for (let i = 0; i < 2000; i++) {
    const [there, back] = [random.ns(0n, 10n ** 8n), random.ns(0n, 10n ** 8n)];
    const m1 = 10n ** 12n;
    const sample: Sample = {
      ...sampleAt(m1, 0n),
      m1: monoNs(m1),
      m4: monoNs(m1 + there + back),
      lo: truth - back,
      hi: truth + there,
    };
    const { lo, hi } = boundFromSample(sample, sample.m4, 0n, 15_000n);
    t.true(lo <= truth && truth <= hi);
  }
});

test('samples that exclude each other have no common bound; those that touch have one', (t) => {
  const first = boundFromSample(
    sampleAt(10n ** 12n, 0n, 100_000n, 0n),
    monoNs(10n ** 12n + 50_000n),
    0n,
    15_000n,
  );
  const later = 10n ** 12n + 10n ** 9n;
  // After one second the first allows ±(50 µs + 15 µs); the second sample is ±50 µs around its θ.
  t.is(intersectSample(first, sampleAt(later, 130_000n, 100_000n, 0n)), null);
  t.not(intersectSample(first, sampleAt(later, 114_000n, 100_000n, 0n)), null);
});

test('ρ is never below its floor, nor below what the regression admits', (t) => {
  t.is(rhoFor(15_000n, 100n, 200n, 1_000n), 15_000n);
  t.is(rhoFor(15_000n, 10_000n, 9_000n, 1_000n), 20_000n);
});

/** Least squares by the normal equations, with weights written out as repeated points. */
function naiveLine(points: readonly Point[]): { intercept: number; slope: number } {
  let [n, st, sy, stt, sty] = [0, 0, 0, 0, 0];
  for (const { t, y, w } of points) {
    n += 1 / w;
    st += t / w;
    sy += y / w;
    stt += (t * t) / w;
    sty += (t * y) / w;
  }
  const slope = (n * sty - st * sy) / (n * stt - st * st);
  return { slope, intercept: (sy - slope * st) / n };
}

test('the fitted line agrees with the normal equations', (t) => {
  const random = new Random(4);
  for (let i = 0; i < 500; i++) {
    const points = Array.from({ length: 3 + random.below(60) }, (_, k) => ({
      t: -k * (0.5 + random.unit()),
      y: random.unit() * 1e6 - 3e4 * k,
      w: 1 + random.unit() * 50,
    }));
    const [fitted, naive] = [fitLine(points), naiveLine(points)];
    t.true(Math.abs(fitted.intercept - naive.intercept) < 1e-3 * (1 + Math.abs(naive.intercept)));
    t.true(Math.abs(fitted.slope - naive.slope) < 1e-3 * (1 + Math.abs(naive.slope)));
  }
});

test('the critical numbers of runs are what chance gives: 5 % of random sign sequences have as few', (t) => {
  const random = new Random(5);
  for (const n of [10, 20, 40, 64]) {
    let few = 0;
    const trials = 4000;
    for (let i = 0; i < trials; i++) {
      const signs = Array.from({ length: n }, () => (random.chance(0.5) ? 1 : -1));
      if (countRuns(signs) <= (criticalRuns[n] ?? 0)) few++;
    }
    const share = few / trials;
    t.true(share > 0.01 && share < 0.1, `${n} points: ${share}`);
  }
});

test('quantiles of t fall with the degrees of freedom and end flat', (t) => {
  for (let n = 1; n < 60; n++) t.true(tQuantile(n) >= tQuantile(n + 1));
  t.is(tQuantile(0), tQuantile(1));
});

test('a straight oscillator is found to a few ppb; a change of rate shortens the window', (t) => {
  const random = new Random(6);
  const samples: Sample[] = [];
  const rate = (k: number): bigint => (k < 40 ? 17_000n : -23_000n);
  let theta = 10n ** 17n;
  for (let k = 0; k < 64; k++) {
    theta += 10n * rate(k);
    samples.push(sampleAt(10n ** 12n + BigInt(k) * 10n * 10n ** 9n, theta + random.ns(-2_000n, 2_000n)));
  }
  const straight = estimate(samples.slice(0, 40), 0, 50_000);
  t.is(straight.samples, 40);
  t.true(Math.abs(straight.ratePpb - 17_000) < 20, straight.ratePpb.toString());
  t.true(Math.abs(straight.ratePpb - 17_000) < straight.skewPpb);
  const bent = estimate(samples, 0, 50_000);
  t.true(bent.samples <= 26, `${bent.samples} samples kept`);
  t.true(Math.abs(bent.ratePpb + 23_000) < 500, bent.ratePpb.toString());
  const ahead = predict(bent, bent.mono + 10n ** 9n) - bent.offset;
  t.true(ahead > -23_600n && ahead < -22_400n);
});

test('before a line can be fitted the narrowest sample is believed', (t) => {
  const samples = [sampleAt(10n ** 12n, 500n, 50_000n), sampleAt(2n * 10n ** 12n, 9_000n, 900_000n)];
  const fit = estimate(samples, 0, 50_000);
  t.is(fit.offset, 500n);
  t.is(fit.skewPpb, Infinity);
});

test('whatever it is steered to, served time never goes back and is bent by at most 100 ppm', (t) => {
  const random = new Random(7);
  let overlay = seedOverlay(monoNs(0n), taiNs(10n ** 18n), 0n);
  let [mono, last] = [0n, 10n ** 18n];
  for (let i = 0; i < 20_000; i++) {
    mono += random.ns(0n, 10n ** 8n);
    const tai = overlayAt(overlay, monoNs(mono));
    if (tai < last) {
      t.fail(`back by ${(last - tai).toString()} ns`);
      return;
    }
    last = tai;
    if (!random.chance(0.2)) continue;
    const rate = random.ns(-50_000n, 50_000n);
    overlay = steer(overlay, monoNs(mono), tai + random.ns(-(10n ** 9n), 10n ** 9n), rate);
    const bend = overlay.ratePpb - rate;
    t.true(bend <= 100_000n && bend >= -100_000n);
    t.is(overlayAt(overlay, monoNs(mono)), tai);
  }
});

test('a correction ends where it was aimed at', (t) => {
  const overlay = steer(seedOverlay(monoNs(0n), taiNs(0n), 0n), monoNs(0n), 1_000_000n, 10_000n);
  const after = overlayAt(overlay, monoNs(20_000_000_000n));
  // 1 ms at 100 ppm takes 10 s; the oscillator's own 10 ppm add 200 µs in 20 s.
  t.is(after, taiNs(20_000_000_000n + 1_000_000n + 200_000n));
});
