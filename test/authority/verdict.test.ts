/** The judgement: the rule at its edges as a table, every doubt as a table, and random measurements against a naive model. */

import test from 'ava';
import type { AuditSample, AuditVerdict, MeasurementFacts } from '../../src/authority/model.js';
import { DRIFT_ALLOWANCE, decide, judge, type Standard } from '../../src/authority/verdict.js';
import { durNs, taiNs } from '../../src/time/types.js';
import { Random } from '../verify/random.js';
import { MS, S, START, factsOf } from './cluster.js';

const standard: Standard = {
  policy: { limit: durNs(500n * MS), maxDelay: durNs(100n * MS) },
  taaStop: durNs(50n * MS),
  barred: null,
};
const facts = (changes: Partial<MeasurementFacts> = {}, offset = 0n): MeasurementFacts => ({
  ...factsOf('d', 'tsa1', 1, offset),
  ...changes,
});
const sample = (t1: bigint, t2: bigint, t3: bigint, t4: bigint): AuditSample => ({
  t1: taiNs(START + t1),
  t2: taiNs(START + t2),
  t3: taiNs(START + t3),
  t4: taiNs(START + t4),
});

test('the rule at its edges: limits are open, and what reaches over one decides nothing', (t) => {
  const table: [bigint, bigint, AuditVerdict][] = [
    [-499n, 499n, 'pass'],
    [0n, 0n, 'pass'],
    [-500n, 0n, 'inconclusive'],
    [0n, 500n, 'inconclusive'],
    [-499n, 500n, 'inconclusive'],
    [499n, 501n, 'inconclusive'],
    [500n, 500n, 'fail'],
    [500n, 900n, 'fail'],
    [-900n, -500n, 'fail'],
    [-900n, -499n, 'inconclusive'],
    [-900n, 900n, 'inconclusive'],
  ];
  for (const [low, high, verdict] of table) {
    t.is(decide(durNs(low), durNs(high), durNs(500n)), verdict, `[${low}, ${high}]`);
  }
});

test('the interval is that of the shortest round trip, widened by what the auditor’s own clock may be off', (t) => {
  const samples = [sample(0n, 9n, 9n, 20n), sample(100n, 104n, 106n, 108n), sample(200n, 204n, 205n, 208n)];
  const judgement = judge(facts({ samples, taaLow: durNs(-3n), taaHigh: durNs(5n) }), standard);
  t.deepEqual(judgement, {
    verdict: 'pass',
    reason: '',
    tsaLow: durNs(-2n),
    tsaHigh: durNs(4n),
    delay: durNs(6n),
    low: durNs(-5n),
    high: durNs(9n),
  });
});

test('every doubt makes a measurement inconclusive, and says which', (t) => {
  const far = sample(0n, 60n * MS, 60n * MS, 101n * MS);
  const leapMidnight = 1_483_228_800n * S + 36n * S;
  const at = (instant: bigint): readonly AuditSample[] => [
    { t1: taiNs(instant), t2: taiNs(instant), t3: taiNs(instant), t4: taiNs(instant) },
  ];
  const near = { leap: 'inProgress', taiMinusUtc: 36 } as const;
  const table: [string, MeasurementFacts, string][] = [
    ['no sample', facts({ samples: [] }), 'TOO_FEW_SAMPLES'],
    ['reaches over the limit', facts({}, 499n * MS), 'OFFSET_NOT_DECIDED'],
    ['too long a way', facts({ samples: [far] }), 'DELAY_TOO_LONG'],
    ['too long a way, and surely wrong', facts({ samples: [sample(0n, S, S, 101n * MS)] }), 'DELAY_TOO_LONG'],
    ['negative round trip', facts({ samples: [sample(0n, 0n, 5n, 4n)] }), 'READINGS_INCONSISTENT'],
    ['sent before it was received', facts({ samples: [sample(0n, 3n, 2n, 4n)] }), 'READINGS_INCONSISTENT'],
    ['the auditor went back', facts({ samples: [sample(5n, 3n, 3n, 4n)] }), 'READINGS_INCONSISTENT'],
    [
      'one bad exchange among good ones',
      facts({ samples: [...facts().samples, sample(0n, 0n, 5n, 4n)] }),
      'READINGS_INCONSISTENT',
    ],
    [
      'two clocks in one measurement',
      facts({ samples: [sample(0n, 0n, 0n, 1n), sample(10n, 900n * MS, 900n * MS, 12n)] }),
      'READINGS_INCONSISTENT',
    ],
    ['not synchronised', facts({ clockState: 'unsynchronised' }), 'CLOCK_NOT_SYNCHRONISED'],
    ['acquiring', facts({ clockState: 'acquiring' }), 'CLOCK_NOT_SYNCHRONISED'],
    ['out of tolerance', facts({ clockState: 'outOfTolerance' }), 'CLOCK_OUT_OF_TOLERANCE'],
    ['disrupted', facts({ clockState: 'disrupted' }), 'CLOCK_DISRUPTED'],
    ['quarantined', facts({ clockState: 'quarantined' }), 'CLOCK_QUARANTINED'],
    ['TAA too far ahead', facts({ taaHigh: durNs(50n * MS + 1n) }), 'CLOCK_OUT_OF_TOLERANCE'],
    ['TAA too far behind', facts({ taaLow: durNs(-50n * MS - 1n) }), 'CLOCK_OUT_OF_TOLERANCE'],
    ['TAA bounds swapped', facts({ taaLow: durNs(2n), taaHigh: durNs(1n) }), 'CLOCK_OUT_OF_TOLERANCE'],
    ['UTC near a leap', facts({ ...near, timescale: 'utc' }), 'NEAR_LEAP_SECOND'],
    ['TAI at a doubtful midnight', facts({ leap: 'doubtful' }), 'LEAP_TABLE_STALE'],
    [
      'TAI in the second that could be 23:59:60 or 00:00:00',
      facts({ ...near, samples: at(leapMidnight + 500n * MS) }),
      'NEAR_LEAP_SECOND',
    ],
  ];
  for (const [what, given, reason] of table) {
    t.like(judge(given, standard), { verdict: 'inconclusive', reason }, what);
  }
  for (const instant of [leapMidnight - S, leapMidnight - 1n, leapMidnight + S, leapMidnight + 4n * S]) {
    t.is(
      judge(facts({ ...near, samples: at(instant) }), standard).verdict,
      'pass',
      'TAI beside it is unambiguous',
    );
  }
  t.is(judge(facts({ clockState: 'holdover' }), standard).verdict, 'pass');
  const early = facts({ leap: 'infoStale', timescale: 'utc' });
  t.is(judge(early, standard).verdict, 'pass', 'a doubt about the end of the month is none about today');
  t.is(
    judge(facts({ taaHigh: durNs(50n * MS) }), standard).verdict,
    'pass',
    'the stop bound itself is allowed',
  );
});

test('a bar keeps a device from passing; that it surely fails is still said', (t) => {
  const barred: Standard = { ...standard, barred: 'CLIENT_STOPPED' };
  t.like(judge(facts(), barred), { verdict: 'inconclusive', reason: 'CLIENT_STOPPED' });
  t.is(judge(facts({}, 700n * MS), barred).verdict, 'fail');
});

test('random measurements: the truth lies in the interval, and no wrong clock passes', (t) => {
  const random = new Random(7);
  const upTo = (limit: bigint): bigint => BigInt(random.below(Number(limit)));
  const counted = { pass: 0, fail: 0, inconclusive: 0 };
  for (let round = 0; round < 20_000; round++) {
    // The truth, then what the two clocks show of it. Both clocks run alike within one measurement.
    const taaOffset = upTo(20n * MS) - 10n * MS;
    const truth = upTo(1200n * MS) - 600n * MS;
    const samples = Array.from({ length: 1 + random.below(4) }, (_, i) => {
      const sent = BigInt(i) * S;
      const there = sent + upTo(60n * MS);
      const answered = there + upTo(MS);
      const back = answered + upTo(60n * MS);
      return sample(sent + taaOffset, there + truth, answered + truth, back + taaOffset);
    });
    const taaLow = durNs(taaOffset - upTo(10n * MS));
    const taaHigh = durNs(taaOffset + upTo(10n * MS));
    const judgement = judge(facts({ samples, taaLow, taaHigh }), standard);
    counted[judgement.verdict]++;
    t.true(judgement.low <= truth && truth <= judgement.high);
    if (judgement.verdict === 'pass') t.true(-500n * MS < truth && truth < 500n * MS);
    if (judgement.verdict === 'fail') t.true(truth >= 500n * MS || truth <= -500n * MS);
    t.is(judgement.verdict, naive(samples, taaLow, taaHigh));
  }
  t.true(
    Object.values(counted).every((count) => count > 500),
    JSON.stringify(counted),
  );
});

/** The same in floating point seconds and with every pair compared: slow, obvious, independent. */
function naive(samples: readonly AuditSample[], taaLow: bigint, taaHigh: bigint): AuditVerdict {
  const legs = samples.map(({ t1, t2, t3, t4 }) => ({ lo: Number(t3 - t4), hi: Number(t2 - t1) }));
  const widest = Math.min(...legs.map(({ lo, hi }) => hi - lo));
  const best = legs.find(({ lo, hi }) => hi - lo === widest) ?? { lo: NaN, hi: NaN };
  const contradict = legs.some((a) =>
    legs.some((b) => a.lo + Number(taaLow) > b.hi + Number(taaHigh) + Number(DRIFT_ALLOWANCE)),
  );
  const limit = 500e6;
  const low = best.lo + Number(taaLow);
  const high = best.hi + Number(taaHigh);
  if (contradict || widest > 100e6) return 'inconclusive';
  if (low > -limit && high < limit) return 'pass';
  return low >= limit || high <= -limit ? 'fail' : 'inconclusive';
}
