/**
 * A world as data: everything that varies between worlds, drawn from one seed before anything happens. A description
 * replays exactly; the shrinker looks for the smallest one that still fails.
 */
import { Prng } from './prng.js';

/** 'leader' is whoever leads when the fault strikes; a number is a node; -1 is a node that follows. */
export type Target = 'leader' | 'follower' | number;

/** Effect boundaries at which a crash can be armed: the process dies right there, inside the step. */
export const crashPoints = [
  'becameLeader',
  'persistBegun',
  'persisted',
  'sent',
  'applied',
  'boundary',
  'witnessSaved',
  'published',
  'measured',
  'confirm',
  'sign',
  'propose',
  'deliver',
] as const;
export type CrashPoint = (typeof crashPoints)[number];

type Timed<T> = T & {
  /** Milliseconds after the world began. */
  readonly at: number;
  readonly on: Target;
  /** How long it lasts, milliseconds. */
  readonly ms: number;
};

export type Fault = Timed<
  /** The process dies; what was not synced is lost. It returns after `ms`. */
  | { readonly kind: 'crash' }
  /** From now on, the first time that the target is at this point, it dies there. */
  | { readonly kind: 'crashAt'; readonly point: CrashPoint; readonly nth: number }
  /** All processes die at once. */
  | { readonly kind: 'powerCut' }
  /** SIGSTOP and SIGCONT. */
  | { readonly kind: 'pause' }
  /** The whole host sleeps: its oscillator too. */
  | { readonly kind: 'suspend' }
  | { readonly kind: 'isolation' }
  | { readonly kind: 'oneWayCut'; readonly inward: boolean }
  | { readonly kind: 'partialCut'; readonly other: number }
  | { readonly kind: 'split'; readonly side: readonly number[] }
  | { readonly kind: 'cloggedLink'; readonly other: number }
  | { readonly kind: 'disconnect'; readonly other: number }
  /** Stragglers: a share of all messages is late by up to `lateMs`. */
  | { readonly kind: 'stragglers'; readonly share: number; readonly lateMs: number }
  | { readonly kind: 'lossBurst'; readonly share: number }
  | { readonly kind: 'duplicateBurst'; readonly share: number }
  /** Messages of another cluster, and garbage, in a peer's name. */
  | { readonly kind: 'foreignMessages'; readonly other: number }
  | { readonly kind: 'diskStall'; readonly stallMs: number }
  /** The next synced write fails; the process must end. */
  | { readonly kind: 'diskError' }
  /** No space: writes fail until it is freed. */
  | { readonly kind: 'diskFull' }
  /** One stored log record is damaged: the node must notice and stay away. Never more than a minority. */
  | { readonly kind: 'diskRot'; readonly where: number }
  /** The process dies within a synced write: the batch is on the disk whole or not at all. */
  | { readonly kind: 'tornWrite' }
  | { readonly kind: 'referenceOutage' }
  /** UTC(NICT) as it is served jumps: more than any bound that is still served. */
  | { readonly kind: 'referenceStep'; readonly byMs: number }
  /** All delay on one side of the path to the reference. */
  | { readonly kind: 'pathAsymmetry'; readonly there: number; readonly back: number }
  | { readonly kind: 'pathLoss'; readonly share: number }
  /** The oscillator leaves its specification. */
  | { readonly kind: 'rateBeyondRho'; readonly ppb: number }
  /** The leader is asked to hand over. */
  | { readonly kind: 'transfer' }
  /** The operator stops the node properly and starts it again. */
  | { readonly kind: 'cleanRestart' }
>;

export type FaultKind = Fault['kind'];

export interface WorldDescription {
  readonly seed: number;
  readonly nodes: number;
  /** Length of the two phases, milliseconds. */
  readonly faultMs: number;
  readonly healedMs: number;
  /** Clients that append laboratory records, and how often each does, milliseconds. */
  readonly writers: number;
  readonly writeEveryMs: number;
  /** TSAs: an honest one, one with a wrong clock, one that lies now and then. */
  readonly tsas: number;
  readonly auditEveryMs: number;
  readonly lies: number;
  /** Of the network, all the time. */
  readonly loss: number;
  readonly duplication: number;
  readonly maxDelayMs: number;
  /** Spread of the election timeout, milliseconds; a narrow one makes elections collide. */
  readonly electionSpreadMs: number;
  /** Oscillators lie within ± this, parts per billion; the clocks assume 50,000. */
  readonly ratePpb: number;
  /** After this long a clock trusts the rate that it has measured, milliseconds. */
  readonly clockColdMs: number;
  readonly faults: readonly Fault[];
}

const moreFaults: readonly FaultKind[] = [
  'crash',
  'crashAt',
  'crashAt',
  'crashAt',
  'powerCut',
  'pause',
  'suspend',
  'isolation',
  'oneWayCut',
  'partialCut',
  'split',
  'cloggedLink',
  'disconnect',
  'stragglers',
  'lossBurst',
  'duplicateBurst',
  'foreignMessages',
  'diskStall',
  'diskError',
  'diskFull',
  'diskRot',
  'tornWrite',
  'referenceOutage',
  'referenceStep',
  'pathAsymmetry',
  'pathLoss',
  'rateBeyondRho',
  'transfer',
  'cleanRestart',
];

/** What surely ends a leadership. */
const unseat: readonly FaultKind[] = ['crash', 'pause', 'isolation'];

export function describe(seed: number): WorldDescription {
  const prng = new Prng(seed);
  const sometimes = (high: number): number => (prng.chance(0.5) ? prng.float() * high : 0);
  const nodes = prng.chance(0.9) ? 3 : 5;
  const faultMs = prng.between(2600, 3400);
  const faults = drawFaults(prng, nodes, faultMs);
  return {
    seed,
    nodes,
    faultMs,
    healedMs: 2500,
    writers: prng.between(1, 2),
    writeEveryMs: 90,
    tsas: prng.between(1, 3),
    auditEveryMs: prng.between(900, 1400),
    lies: sometimes(0.3),
    loss: sometimes(0.05),
    duplication: sometimes(0.05),
    maxDelayMs: prng.chance(0.2) ? prng.between(5, 30) : 2,
    electionSpreadMs: prng.chance(0.3) ? 30 : 300,
    ratePpb: prng.chance(0.3) ? 49_000 : 10_000,
    clockColdMs: prng.chance(0.5) ? 1500 : 60_000,
    faults,
  };
}

function drawFaults(prng: Prng, nodes: number, faultMs: number): Fault[] {
  const kinds = new Set<FaultKind>();
  const faults: Fault[] = [];
  // One rotten node is all that a world of three can bear, and the clock is latched after three disruptions.
  const once: readonly FaultKind[] = ['diskRot', 'referenceStep'];
  const add = (kind: FaultKind, on: Target, at: number): void => {
    if (once.includes(kind) && kinds.has(kind)) return;
    kinds.add(kind);
    faults.push(drawFault(prng, kind, on, nodes, at));
  };
  const when = (): number => prng.between(700, faultMs - 300);
  add(prng.pick(unseat), 'leader', prng.between(900, 1300));
  const more = prng.between(4, 7);
  while (faults.length < more || kinds.size < 4) {
    const on = prng.chance(0.4) ? 'leader' : prng.between(0, nodes - 1);
    add(prng.pick(moreFaults), on, when());
  }
  return faults.sort((a, b) => a.at - b.at);
}

function drawFault(prng: Prng, kind: FaultKind, on: Target, nodes: number, at: number): Fault {
  const other = prng.between(0, nodes - 1);
  const base = { at, on, ms: prng.between(100, 1200) };
  switch (kind) {
    case 'crash':
      return { ...base, kind, ms: on === 'leader' ? prng.between(900, 1500) : prng.between(20, 1200) };
    case 'pause':
    case 'isolation':
      return { ...base, kind, ms: on === 'leader' ? prng.between(1100, 1600) : base.ms };
    case 'crashAt':
      return { ...base, kind, point: prng.pick(crashPoints), nth: prng.between(1, 6) };
    case 'oneWayCut':
      return { ...base, kind, inward: prng.chance(0.5) };
    case 'partialCut':
    case 'cloggedLink':
    case 'disconnect':
    case 'foreignMessages':
      return { ...base, kind, other };
    case 'split':
      return {
        ...base,
        kind,
        side: Array.from({ length: nodes }, (_, i) => i).filter(() => prng.chance(0.5)),
      };
    case 'stragglers':
      return { ...base, kind, share: prng.float() * 0.3, lateMs: prng.between(50, 900) };
    case 'lossBurst':
    case 'duplicateBurst':
    case 'pathLoss':
      return { ...base, kind, share: 0.1 + prng.float() * 0.5 };
    case 'diskStall':
      return { ...base, kind, stallMs: prng.between(50, 1200) };
    case 'diskRot':
      return { ...base, kind, where: prng.float() };
    case 'referenceStep':
      return { ...base, kind, byMs: prng.between(150, 400) * (prng.chance(0.5) ? 1 : -1) };
    case 'pathAsymmetry':
      return prng.chance(0.5)
        ? { ...base, kind, there: prng.between(2, 20), back: 0 }
        : { ...base, kind, there: 0, back: prng.between(2, 20) };
    case 'rateBeyondRho':
      return { ...base, kind, ppb: prng.between(100_000, 20_000_000) * (prng.chance(0.5) ? 1 : -1) };
    case 'suspend':
      return { ...base, kind, ms: prng.between(60, 1500) };
    default:
      return { ...base, kind };
  }
}
