/** Distributed time against a simulated path and oscillator whose truth is known. */

import test from 'ava';
import { DisciplinedClock, HOLDOVER_AFTER } from '../../src/sdk/core/disciplined-clock.js';
import { TimeBound } from '../../src/sdk/core/time-bound.js';
import { NS_PER_MS, NS_PER_S, monoNs, taiNs } from '../../src/time/types.js';
import type { ClockState, MonoNs, TaiNs } from '../../src/time/types.js';
import type { InstantMessage, TimeMessage } from '../../src/wire/messages.js';
import { Prng } from '../simulation/prng.js';

const START = 1_795_000_000n * NS_PER_S;
const nonce = new Uint8Array(16);

/** A node on a path with random, asymmetric delays, seen by a machine whose oscillator runs `ratePpb` fast. */
class World {
  readonly random: Prng;
  readonly ratePpb: bigint;
  /** Node clock − truth, inside of what the node says of itself. */
  nodeError = 0n;
  uncertainty = 2n * NS_PER_MS;
  now = 0n;

  constructor(seed: number, ratePpb: bigint) {
    this.random = new Prng(seed);
    this.ratePpb = ratePpb;
  }

  get truth(): TaiNs {
    return taiNs(START + this.now);
  }

  get mono(): MonoNs {
    return monoNs(77n * NS_PER_S + this.now + (this.now * this.ratePpb) / 1_000_000_000n);
  }

  between(low: number, high: number): bigint {
    return BigInt(this.random.between(low, high));
  }

  instant(): InstantMessage {
    const best = this.truth + this.nodeError;
    return {
      earliest: taiNs(best - this.uncertainty),
      best: taiNs(best),
      latest: taiNs(best + this.uncertainty),
      taiMinusUtc: 37,
    };
  }

  /** One exchange; time passes while it is under way. */
  exchange(state: ClockState = 'synchronised'): { sent: MonoNs; arrived: MonoNs; message: TimeMessage } {
    const sent = this.mono;
    this.now += this.between(50_000, this.random.chance(0.2) ? 80_000_000 : 2_000_000);
    const received = this.instant();
    this.now += this.between(1_000, 300_000);
    const transmitted = this.instant();
    this.now += this.between(50_000, this.random.chance(0.2) ? 80_000_000 : 2_000_000);
    return {
      sent,
      arrived: this.mono,
      message: {
        kind: 'time',
        nonce,
        received,
        transmitted,
        clockState: state,
        leap: 'none',
        uncertified: false,
      },
    };
  }
}

test('the truth always lies in the bound, and the served time never goes back', (t) => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const world = new World(seed, BigInt(seed % 2 === 0 ? 400_000 : -400_000));
    const clock = new DisciplinedClock();
    let last = 0n;
    let reads = 0;
    for (let i = 0; i < 60; i += 1) {
      world.nodeError = world.between(-1_900_000, 1_900_000);
      const { sent, arrived, message } = world.exchange();
      clock.add(sent, arrived, message);
      for (let k = 0; k < 8; k += 1) {
        world.now += world.between(1, 200_000_000);
        const served = clock.now(world.mono);
        if (served.state === 'unsynchronised') continue;
        reads += 1;
        t.true(served.earliest <= world.truth && world.truth <= served.latest, `seed ${seed}`);
        t.true(served.earliest <= served.best && served.best <= served.latest);
        t.true(served.best >= last);
        t.is(served.taiMinusUtc, 37);
        last = served.best;
      }
    }
    t.true(reads > 400);
    const end = clock.now(world.mono);
    t.true(
      end.state === 'synchronised' && end.latest - end.earliest < 20n * NS_PER_MS,
      'and the bound is useful',
    );
  }
});

test('two reads a moment apart differ by that moment within 5 %, also while a correction is slewed', (t) => {
  const world = new World(3, 0n);
  const clock = new DisciplinedClock();
  for (let i = 0; i < 3; i += 1) {
    world.nodeError = 1_500_000n;
    const { sent, arrived, message } = world.exchange();
    clock.add(sent, arrived, message);
  }
  const before = clock.now(world.mono);
  world.nodeError = -1_500_000n;
  const { sent, arrived, message } = world.exchange();
  clock.add(sent, arrived, message);
  let earlier = clock.now(world.mono);
  if (before.state === 'unsynchronised') return t.fail();
  for (let i = 0; i < 100; i += 1) {
    world.now += NS_PER_MS;
    const later = clock.now(world.mono);
    if (later.state === 'unsynchronised' || earlier.state === 'unsynchronised') return t.fail();
    const step = later.best - earlier.best;
    t.true(step >= 950_000n && step <= 1_050_000n, step.toString());
    earlier = later;
  }
});

test('without exchanges the bound grows by the assumed rate error, and the state says holdover', (t) => {
  const world = new World(5, 0n);
  const clock = new DisciplinedClock(1_000_000);
  for (let i = 0; i < 5; i += 1) {
    const { sent, arrived, message } = world.exchange();
    clock.add(sent, arrived, message);
  }
  const first = clock.now(world.mono);
  world.now += HOLDOVER_AFTER + 85n * NS_PER_S;
  const later = clock.now(world.mono);
  if (first.state === 'unsynchronised' || later.state === 'unsynchronised') return t.fail();
  t.is(first.state, 'synchronised');
  t.is(later.state, 'holdover');
  // 1000 ppm of 100 s, on both sides.
  const grown = later.latest - later.earliest - (first.latest - first.earliest);
  t.true(grown >= 200n * NS_PER_MS && grown < 201n * NS_PER_MS);
});

test('an empty intersection is a contradiction, and only the newest exchange is believed', (t) => {
  const world = new World(8, 0n);
  const bound = new TimeBound();
  const add = () => {
    const { sent, arrived, message } = world.exchange();
    return bound.add({ sent, arrived, received: message.received, transmitted: message.transmitted });
  };
  t.is(add(), 'first');
  t.is(add(), 'agrees');
  world.nodeError = 400n * NS_PER_MS;
  t.is(add(), 'contradicts');
  const interval = bound.at(world.mono);
  t.true(interval !== null && interval.earliest > world.truth);
});

const impossible: readonly { readonly what: string; readonly change: (m: TimeMessage) => TimeMessage }[] = [
  {
    what: 'bounds that are swapped',
    change: (m) => ({
      ...m,
      received: { ...m.received, earliest: m.received.latest, latest: m.received.earliest },
    }),
  },
  {
    what: 'a reply that left before the question came',
    change: (m) => ({ ...m, received: m.transmitted, transmitted: { ...m.received } }),
  },
  {
    what: 'a node that was busy for longer than the exchange took',
    change: (m) => ({
      ...m,
      transmitted: {
        ...m.transmitted,
        earliest: taiNs(m.transmitted.earliest + NS_PER_S),
        best: taiNs(m.transmitted.best + NS_PER_S),
        latest: taiNs(m.transmitted.latest + NS_PER_S),
      },
    }),
  },
];

for (const { what, change } of impossible) {
  test(`an answer is not used: ${what}`, (t) => {
    const world = new World(11, 0n);
    const clock = new DisciplinedClock();
    const { sent, arrived, message } = world.exchange();
    t.is(clock.add(sent, arrived, change(message)), 'impossible');
    t.is(clock.proven(world.mono), null);
    t.is(clock.now(world.mono).state, 'unsynchronised');
  });
}

test('a node whose clock serves no time teaches nothing', (t) => {
  const world = new World(12, 0n);
  const clock = new DisciplinedClock();
  for (const state of [
    'unsynchronised',
    'acquiring',
    'outOfTolerance',
    'disrupted',
    'quarantined',
  ] as const) {
    const { sent, arrived, message } = world.exchange(state);
    t.is(clock.add(sent, arrived, message), 'notServing');
  }
  t.is(clock.now(world.mono).state, 'unsynchronised');
});

test('TAI − UTC changes at a leap second that the table lists, between two exchanges', (t) => {
  // 2016-12-31T23:59:60 was the last one: 36 before it, 37 after it.
  const midnight = 1_483_228_800n * NS_PER_S + 37n * NS_PER_S;
  const clock = new DisciplinedClock();
  for (let i = 0n; i < 4n; i += 1n) {
    const at = midnight - 2n * NS_PER_S + i * NS_PER_MS;
    const instant = { earliest: taiNs(at - 1n), best: taiNs(at), latest: taiNs(at + 1n), taiMinusUtc: 36 };
    clock.add(monoNs(i * NS_PER_MS), monoNs(i * NS_PER_MS + 10_000n), {
      kind: 'time',
      nonce,
      received: instant,
      transmitted: instant,
      clockState: 'synchronised',
      leap: 'announced',
      uncertified: false,
    });
  }
  const at = (seconds: bigint) => clock.now(monoNs(seconds * NS_PER_S));
  const [before, after] = [at(1n), at(3n)];
  t.true(before.state !== 'unsynchronised' && before.taiMinusUtc === 36);
  t.true(after.state !== 'unsynchronised' && after.taiMinusUtc === 37);
});
