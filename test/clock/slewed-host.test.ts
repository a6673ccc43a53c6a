/**
 * A host that slews its clock faster than the bound that is assumed of it. The rate that the clock measures time with is
 * then wrong by more than ρ; what must not happen is that this goes on until the truth is outside of what is stated.
 */
import test from 'ava';
import { NS_PER_S } from '../../src/time/types.js';
import { SimulatedWorld, symmetricPath } from './simulated-world.js';

const PPM = 1_000n;
const STEP = NS_PER_S / 100n;

interface Slew {
  readonly ppm: bigint;
  /** One way, nanoseconds. */
  readonly leg: bigint;
  readonly warm: boolean;
}

interface Outcome {
  /** Reference samples from when the error beyond ρ had reached half a round trip to the stop; null if it never did. */
  readonly samplesAfter: number | null;
  readonly stopped: boolean;
  /** Looks at which the truth was outside before the error had reached half of the shortest round trip. */
  readonly outside: number;
}

function slewed({ ppm, leg, warm }: Slew, seed: number): Outcome {
  const world = new SimulatedWorld({ seed, profile: { innovationFloorNs: 1n } });
  world.server().path = symmetricPath(leg, leg / 50n);
  // What a server admits to be off by comes on top, twice: here next to nothing.
  world.server().rootDispersion = 0;
  world.ratePpb = 5n * PPM;
  world.ratePpb = 5n * PPM;
  world.runUntil(() => world.reading().state === 'synchronised');
  world.run((warm ? 100n : 5n) * NS_PER_S);
  const { epoch } = world.reading();
  world.ratePpb = (5n + ppm) * PPM;
  const start = world.mono;
  // What the bound has been wrong by: the rate beyond what it assumes at each moment; it makes up for it when it may.
  let error = 0n;
  let [atHalf, outside]: [number | null, number] = [null, 0];
  let before = world.reading();
  while (world.mono - start < 60n * NS_PER_S) {
    world.run(STEP);
    const now = world.reading();
    const bound = world.discipline.published().known?.bound;
    if (now.epoch !== epoch || bound === undefined)
      return { samplesAfter: atHalf === null ? null : before.samples - atHalf, stopped: true, outside };
    error += ((world.ratePpb - bound.ratePpb - bound.rhoPpb) * STEP) / NS_PER_S;
    if (error < 0n) error = 0n;
    // Half of the longest round trip of this path.
    if (error > leg + leg / 50n) atHalf ??= now.samples;
    else if (error < leg - leg / 50n && world.truth > now.latest) outside++;
    before = now;
  }
  return { samplesAfter: atHalf === null ? null : before.samples - atHalf, stopped: false, outside };
}

test('slews beyond the bound are caught within three samples of half a round trip, and the truth stays inside', (t) => {
  for (const warm of [true, false]) {
    for (const leg of [100_000n, 1_000_000n, 2_500_000n]) {
      for (const ppm of [100n, 200n, 500n, 2_000n]) {
        for (let seed = 1; seed <= 2; seed++) {
          const name = `${ppm.toString()} ppm, ${leg.toString()} ns one way, ${warm ? 'warm' : 'cold'}`;
          const { samplesAfter, stopped, outside } = slewed({ ppm, leg, warm }, seed);
          t.is(outside, 0, name);
          t.true(samplesAfter === null || (stopped && samplesAfter <= 3), `${name}: ${String(samplesAfter)}`);
        }
      }
    }
  }
});
