/**
 * What is fuzzed: a parser, valid inputs to start from, and what must hold of every outcome. Inputs come from a seed: the
 * same seed gives the same inputs, and an input that breaks something is printed so that it can be replayed.
 */

import { Random } from '../clock/random.js';

export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs, which are mutated. */
  readonly corpus: readonly Uint8Array[];
  /** Mutates with knowledge of the format (repairs a checksum, say), after the blind mutations; optional. */
  readonly repair?: (input: Uint8Array, random: Random) => Uint8Array;
  /**
   * Parses one input and checks the outcome.
   *
   * @returns a label of the outcome, for the statistics
   * @throws for anything that must not happen: an exception that is not the typed verdict, or a false statement
   */
  readonly run: (input: Uint8Array) => string;
}

export interface FuzzReport {
  readonly name: string;
  readonly inputs: number;
  readonly seconds: number;
  /** Longest time for one input; shows a hang that ends. */
  readonly slowestMs: number;
  readonly outcomes: ReadonlyMap<string, number>;
  /** The first input that broke something. */
  readonly failure: { readonly input: string; readonly error: unknown } | null;
}

const LONGEST = 2000;

function flipped(input: Uint8Array, random: Random): Uint8Array {
  const bytes = input.slice();
  const flips = 1 + random.below(8);
  for (let i = 0; i < flips && bytes.length > 0; i++) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  return bytes;
}

/** Values at which lengths and counts go wrong. */
const edges = [0, 1, 3, 4, 15, 16, 0x7f, 0x80, 0xff] as const;

function overwritten(input: Uint8Array, random: Random): Uint8Array {
  const bytes = input.slice();
  const at = random.below(bytes.length + 1);
  for (let i = 0; i < 1 + random.below(4) && at + i < bytes.length; i++) bytes[at + i] = random.pick(edges);
  return bytes;
}

function cut(input: Uint8Array, random: Random): Uint8Array {
  const from = random.chance(0.7) ? 0 : random.below(input.length + 1);
  return input.slice(from, from + random.below(input.length - from + 1));
}

function spliced(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const head = input.subarray(0, random.below(input.length + 1));
  const tail = other.subarray(random.below(other.length + 1));
  return new Uint8Array([...head, ...tail]).slice(0, LONGEST);
}

function repeated(input: Uint8Array, random: Random): Uint8Array {
  const from = random.below(input.length + 1);
  const piece = input.subarray(from, from + random.below(Math.min(64, input.length - from) + 1));
  const copies = Array.from({ length: 1 + random.below(8) }, () => [...piece]).flat();
  return new Uint8Array([...input.subarray(0, from), ...copies, ...input.subarray(from)]).slice(0, LONGEST);
}

function mutated(target: FuzzTarget, random: Random): Uint8Array {
  if (random.chance(0.05)) return random.bytes(random.below(300));
  let input = random.pick(target.corpus);
  if (random.chance(0.02)) return input;
  const rounds = 1 + random.below(3);
  for (let i = 0; i < rounds; i++) {
    switch (random.below(6)) {
      case 0:
      case 1:
        input = flipped(input, random);
        break;
      case 2:
        input = overwritten(input, random);
        break;
      case 3:
        input = cut(input, random);
        break;
      case 4:
        input = spliced(input, random, random.pick(target.corpus));
        break;
      default:
        input = repeated(input, random);
    }
  }
  return target.repair !== undefined && random.chance(0.5) ? target.repair(input, random) : input;
}

/** Runs until `inputs` are through or one breaks something. */
export function fuzz(target: FuzzTarget, inputs: number, seed: number): FuzzReport {
  const random = new Random(seed);
  const outcomes = new Map<string, number>();
  const start = performance.now();
  let slowestMs = 0;
  let failure: FuzzReport['failure'] = null;
  let done = 0;
  for (; done < inputs && failure === null; done++) {
    const input = mutated(target, random);
    const before = performance.now();
    try {
      const outcome = target.run(input);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    } catch (error) {
      failure = { input: Buffer.from(input).toString('hex'), error };
    }
    slowestMs = Math.max(slowestMs, performance.now() - before);
  }
  return {
    name: target.name,
    inputs: done,
    seconds: (performance.now() - start) / 1000,
    slowestMs,
    outcomes,
    failure,
  };
}

/** For `run`: what must hold, with the reason if it does not. */
export function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`must hold: ${what}`);
}
