/**
 * What a node testifies to: the bodies of the commands that it proposes in its own name. Reading is strict and total: a
 * body either is exactly one of these, within bounds, or the command is refused. The bounds keep every later sum of
 * instants and lengths inside 64 bits and every record inside one leaf.
 */

import {
  durNs,
  taiNs,
  type ClockState,
  type DurNs,
  type LeapState,
  type PeerVerdict,
  type TaiNs,
} from '../time/types.js';
import { CborError, type CborInput, type CborObject, type CborValue } from '../verify/cbor.js';
import { asBytes, type CborReader } from '../verify/cbor-reader.js';
import { MAX_NOTE_BYTES } from '../verify/note.js';
import type { AuditSample, MeasurementFacts } from './model.js';

/** A clock as its node reads it: truth lies in [earliest, latest]. */
export interface ClockWitness {
  readonly earliest: TaiNs;
  readonly best: TaiNs;
  readonly latest: TaiNs;
  readonly epoch: number;
  readonly samples: number;
  readonly rhoPpb: number;
  readonly taiMinusUtc: number;
  readonly leap: LeapState;
  readonly unmonitored: boolean;
  readonly peers: PeerVerdict;
}

export type Testimony =
  | { readonly kind: 'measure'; readonly facts: MeasurementFacts }
  /** A later clock sample, or rounds among the peers, in the same run and epoch found nothing wrong with the clock. */
  | {
      readonly kind: 'confirm';
      readonly device: string;
      readonly sequence: number;
      readonly run: Uint8Array;
      readonly epoch: number;
      readonly samples: number;
      readonly peerRounds: number;
    }
  | { readonly kind: 'issue'; readonly device: string; readonly sequence: number; readonly der: Uint8Array }
  | { readonly kind: 'void'; readonly device: string; readonly sequence: number; readonly reason: string }
  | {
      readonly kind: 'sessionOpen';
      readonly device: string;
      readonly session: Uint8Array;
      readonly software: string;
      /** From where: remote address and port. */
      readonly address?: string | undefined;
    }
  | {
      readonly kind: 'sessionClose';
      readonly device: string;
      readonly session: Uint8Array;
      readonly reason: string;
    }
  /** The client's signed acknowledgement of the stop order at leaf `order`. */
  | {
      readonly kind: 'stopAcknowledged';
      readonly device: string;
      readonly order: number;
      readonly statement: Uint8Array;
      readonly signature: Uint8Array;
    }
  | {
      readonly kind: 'clockTransition';
      readonly from: ClockState;
      readonly to: ClockState;
      readonly clock: ClockWitness;
    }
  /** TAA − source, measured: within offset ± uncertainty. */
  | {
      readonly kind: 'clockComparison';
      readonly source: string;
      readonly address: string;
      readonly role: 'reference' | 'monitor';
      readonly authenticated: boolean;
      readonly offset: DurNs;
      readonly uncertainty: DurNs;
      readonly delay: DurNs;
      readonly state: ClockState;
      readonly sample: number;
    }
  | {
      readonly kind: 'clockAnomaly';
      readonly code: string;
      readonly source: string;
      readonly detail: string;
    }
  /** What a node's clock did about a possible leap second. */
  | {
      readonly kind: 'leapCheck';
      readonly phase: (typeof leapPhases)[number];
      /** The 00:00:00 UTC after it. */
      readonly midnight: TaiNs;
      /** +1 inserted, −1 left out, 0 neither or not decided. */
      readonly change: number;
      /** What list, leap indicators and operator said of it (docs/clock.md). */
      readonly list: string;
      readonly indicator: string;
      readonly operator: string;
      /** Check word of the list that the node uses. */
      readonly table: string;
      /** Days until that list ends; negative afterwards. */
      readonly daysLeft: number;
      /** The node's clock when it was noticed. */
      readonly clock: ClockWitness;
    }
  | {
      readonly kind: 'accessDenied';
      readonly identity: string;
      readonly reason: string;
      /** How many such denials this one stands for; at least 1. */
      readonly count: number;
      readonly address?: string | undefined;
    }
  | {
      readonly kind: 'nodeStarted';
      readonly run: Uint8Array;
      readonly version: string;
      /** Highest stateMachineVersion that the program can apply. */
      readonly supports: number;
    }
  | { readonly kind: 'nodeStopping'; readonly run: Uint8Array }
  /** The node's own tree differs from the published one. */
  | { readonly kind: 'diverged'; readonly detail: string }
  /** Two checkpoints that no one log can have; `evidence` holds both notes. */
  | { readonly kind: 'forkEvidence'; readonly detail: string; readonly evidence: Uint8Array }
  /** A published checkpoint that states membership `version`. */
  | { readonly kind: 'membershipAttested'; readonly version: number; readonly note: Uint8Array }
  /** Makes no record: ends the tree at a boundary. */
  | { readonly kind: 'checkpoint' }
  /** The digest of the whole state, as it is before this entry, becomes a record. */
  | { readonly kind: 'stateDigest' }
  /** Laboratories only: each item becomes a record of its own. */
  | { readonly kind: 'labAppend'; readonly items: readonly Uint8Array[] };

export type TestimonyKind = Testimony['kind'];

export const testimonyKinds = [
  'measure',
  'confirm',
  'issue',
  'void',
  'sessionOpen',
  'sessionClose',
  'stopAcknowledged',
  'clockTransition',
  'clockComparison',
  'clockAnomaly',
  'leapCheck',
  'accessDenied',
  'nodeStarted',
  'nodeStopping',
  'diverged',
  'forkEvidence',
  'membershipAttested',
  'checkpoint',
  'stateDigest',
  'labAppend',
] as const satisfies readonly TestimonyKind[];

const clockStates = [
  'unsynchronised',
  'acquiring',
  'synchronised',
  'holdover',
  'outOfTolerance',
  'disrupted',
  'quarantined',
] as const satisfies readonly ClockState[];
const peerVerdicts = ['agree', 'disagree', 'unknown'] as const satisfies readonly PeerVerdict[];
const leapStates = [
  'none',
  'announced',
  'inProgress',
  'infoStale',
  'doubtful',
] as const satisfies readonly LeapState[];

export const leapPhases = ['dailyCheck', 'preset', 'executed', 'doubtful'] as const;

const MAX_INSTANT = 1n << 62n;
const MAX_LENGTH = 1n << 60n;
export const MAX_SAMPLES = 64;
export const MAX_CERTIFICATE = 16_384;
export const MAX_CLIENT_STATEMENT = 16_384;
/** A record with this much in it still fits into one leaf (65,535 bytes). */
export const MAX_LAB_ITEM = 65_000;
export const MAX_LAB_ITEMS = 4_096;
/** Free texts and the length (in UTF-16 units) that they are cut to where they are written. */
const textLimits = {
  software: 64,
  version: 64,
  code: 64,
  source: 128,
  address: 128,
  identity: 400,
  detail: 1000,
} as const;
const REASON = /^[A-Z][A-Z0-9_]{0,63}$/;

/** @throws CborError */
export function readTestimony(kind: TestimonyKind, reader: CborReader): Testimony {
  switch (kind) {
    case 'measure':
      return { kind, facts: readFacts(reader) };
    case 'confirm':
      return {
        kind,
        ...readAuditName(reader),
        run: reader.bytes('run', { length: 16 }),
        epoch: reader.uint('epoch'),
        samples: reader.uint('samples'),
        peerRounds: reader.uint('peerRounds'),
      };
    case 'issue':
      return { kind, ...readAuditName(reader), der: reader.bytes('der', { min: 1, max: MAX_CERTIFICATE }) };
    case 'void':
      return { kind, ...readAuditName(reader), reason: readReason(reader) };
    case 'sessionOpen':
      return {
        kind,
        ...readSessionName(reader),
        software: readText(reader, 'software'),
        address: readAddress(reader),
      };
    case 'sessionClose':
      return { kind, ...readSessionName(reader), reason: readReason(reader) };
    case 'stopAcknowledged':
      return {
        kind,
        device: readDevice(reader),
        order: reader.uint('order'),
        statement: reader.bytes('statement', { max: MAX_CLIENT_STATEMENT }),
        signature: reader.bytes('signature', { max: 1024 }),
      };
    case 'nodeStarted':
      return {
        kind,
        run: reader.bytes('run', { length: 16 }),
        version: readText(reader, 'version'),
        supports: reader.uint('supports', 1_000_000),
      };
    case 'nodeStopping':
      return { kind, run: reader.bytes('run', { length: 16 }) };
    case 'accessDenied':
      return {
        kind,
        identity: readText(reader, 'identity'),
        reason: readReason(reader),
        count: readCount(reader),
        address: readAddress(reader),
      };
    case 'labAppend':
      return { kind, items: reader.array('items', readLabItem, MAX_LAB_ITEMS) };
    case 'checkpoint':
    case 'stateDigest':
      return { kind };
    default:
      return readWatch(kind, reader);
  }
}

type WatchKind =
  | 'clockTransition'
  | 'clockComparison'
  | 'clockAnomaly'
  | 'leapCheck'
  | 'diverged'
  | 'forkEvidence'
  | 'membershipAttested';

function readWatch(kind: WatchKind, reader: CborReader): Testimony {
  switch (kind) {
    case 'clockTransition':
      return {
        kind,
        from: reader.oneOf('from', clockStates),
        to: reader.oneOf('to', clockStates),
        clock: reader.map('clock', readClockWitness),
      };
    case 'clockComparison':
      return {
        kind,
        source: readText(reader, 'source'),
        address: readText(reader, 'address'),
        role: reader.oneOf('role', ['reference', 'monitor']),
        authenticated: reader.bool('authenticated'),
        offset: readLength(reader, 'offset'),
        uncertainty: readLength(reader, 'uncertainty'),
        delay: readLength(reader, 'delay'),
        state: reader.oneOf('state', clockStates),
        sample: reader.uint('sample'),
      };
    case 'clockAnomaly':
      return {
        kind,
        code: readText(reader, 'code'),
        source: readText(reader, 'source'),
        detail: readText(reader, 'detail'),
      };
    case 'leapCheck':
      return {
        kind,
        phase: reader.oneOf('phase', leapPhases),
        midnight: readInstant(reader, 'midnight'),
        change: readLeapChange(reader),
        list: reader.text('list', { max: 16 }),
        indicator: reader.text('indicator', { max: 16 }),
        operator: reader.text('operator', { max: 16 }),
        table: reader.text('table', { max: 64 }),
        daysLeft: reader.int('daysLeft'),
        clock: reader.map('clock', readClockWitness),
      };
    case 'diverged':
      return { kind, detail: readText(reader, 'detail') };
    case 'forkEvidence':
      return {
        kind,
        detail: readText(reader, 'detail'),
        evidence: reader.bytes('evidence', { max: 32_768 }),
      };
    case 'membershipAttested':
      return { kind, version: reader.uint('version'), note: reader.bytes('note', { max: MAX_NOTE_BYTES }) };
  }
}

/**
 * The body as it is encoded: the testimony without its kind. Free texts come from outside: they are cut to length and
 * made well-formed here, because what was seen must not be lost for the way it was written.
 */
export function testimonyBody(testimony: Testimony): CborObject {
  switch (testimony.kind) {
    case 'measure':
      return factsBody(testimony.facts);
    case 'clockTransition':
      return { from: testimony.from, to: testimony.to, clock: { ...testimony.clock } };
    case 'leapCheck':
      return { ...testimony, kind: undefined, clock: { ...testimony.clock } };
    default:
      return clipTexts({ ...testimony, kind: undefined });
  }
}

function clipTexts(body: CborObject): CborObject {
  const clipped: Record<string, CborInput | undefined> = { ...body };
  for (const [key, max] of Object.entries(textLimits)) {
    const text = clipped[key];
    if (typeof text === 'string') clipped[key] = text.slice(0, max).replace(/\p{Surrogate}/gu, '\ufffd');
  }
  return clipped;
}

/** Facts as they stand in the command, in the record and in the snapshot. */
export function factsBody(facts: MeasurementFacts): CborObject {
  return { ...facts, samples: facts.samples.map(({ t1, t2, t3, t4 }) => [t1, t2, t3, t4]) };
}

/** @throws CborError */
export function readFacts(reader: CborReader): MeasurementFacts {
  return {
    device: readDevice(reader),
    session: reader.bytes('session', { length: 16 }),
    request: reader.uint('request'),
    samples: reader.array('samples', readSample, MAX_SAMPLES),
    timescale: reader.oneOf('timescale', ['tai', 'utc']),
    taaLow: readLength(reader, 'taaLow'),
    taaHigh: readLength(reader, 'taaHigh'),
    clockState: reader.oneOf('clockState', clockStates),
    clockEpoch: reader.uint('clockEpoch'),
    clockSamples: reader.uint('clockSamples'),
    rhoPpb: reader.uint('rhoPpb'),
    taiMinusUtc: readOffset(reader),
    leap: reader.oneOf('leap', leapStates),
    unmonitored: reader.bool('unmonitored'),
    peers: reader.oneOf('peers', peerVerdicts),
    peerRounds: reader.uint('peerRounds'),
    run: reader.bytes('run', { length: 16 }),
    clientStatement: reader.bytes('clientStatement', { max: MAX_CLIENT_STATEMENT }),
    clientSignature: reader.bytes('clientSignature', { max: 1024 }),
  };
}

function readSample(value: CborValue, path: string): AuditSample {
  if (!Array.isArray(value) || value.length !== 4) {
    throw new CborError('wrongType', path, 'four instants are expected');
  }
  const [t1, t2, t3, t4] = (value as readonly CborValue[]).map((item) => asInstant(item, path));
  return { t1, t2, t3, t4 } as AuditSample;
}

function readClockWitness(reader: CborReader): ClockWitness {
  return {
    earliest: readInstant(reader, 'earliest'),
    best: readInstant(reader, 'best'),
    latest: readInstant(reader, 'latest'),
    epoch: reader.uint('epoch'),
    samples: reader.uint('samples'),
    rhoPpb: reader.uint('rhoPpb'),
    taiMinusUtc: readOffset(reader),
    leap: reader.oneOf('leap', leapStates),
    unmonitored: reader.bool('unmonitored'),
    peers: reader.oneOf('peers', peerVerdicts),
  };
}

const readAuditName = (reader: CborReader): { readonly device: string; readonly sequence: number } => ({
  device: readDevice(reader),
  sequence: reader.uint('sequence'),
});

const readSessionName = (reader: CborReader): { readonly device: string; readonly session: Uint8Array } => ({
  device: readDevice(reader),
  session: reader.bytes('session', { length: 16 }),
});

export const readDevice = (reader: CborReader): string => reader.text('device', { min: 1, max: 64 });

const readText = (reader: CborReader, key: keyof typeof textLimits): string =>
  reader.text(key, { max: textLimits[key] });

const readAddress = (reader: CborReader): string | undefined =>
  reader.optionalText('address', { max: textLimits.address });

export const readInstant = (reader: CborReader, key: string): TaiNs => asInstant(reader.value(key), key);

function asInstant(value: CborValue, path: string): TaiNs {
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw new CborError('wrongType', path, 'an instant is expected');
  }
  const instant = BigInt(value);
  if (instant > MAX_INSTANT || instant < -MAX_INSTANT) {
    throw new CborError('outOfRange', path, 'an instant between the years 1824 and 2116 is expected');
  }
  return taiNs(instant);
}

function readLength(reader: CborReader, key: string): DurNs {
  const value = reader.int64(key);
  if (value > MAX_LENGTH || value < -MAX_LENGTH) {
    throw new CborError('outOfRange', key, 'a length of at most 36 years is expected');
  }
  return durNs(value);
}

function readOffset(reader: CborReader): number {
  const value = reader.int('taiMinusUtc');
  if (value < -1000 || value > 1000) throw new CborError('outOfRange', 'taiMinusUtc', 'seconds are expected');
  return value;
}

function readLeapChange(reader: CborReader): number {
  const change = reader.int('change');
  if (change < -1 || change > 1)
    throw new CborError('outOfRange', 'change', 'one second at most is expected');
  return change;
}

function readReason(reader: CborReader): string {
  const reason = reader.text('reason', { max: 64 });
  if (!REASON.test(reason)) throw new CborError('outOfRange', 'reason', 'a reason in capitals is expected');
  return reason;
}

function readCount(reader: CborReader): number {
  const count = reader.uint('count', 0xffff_ffff);
  if (count === 0) throw new CborError('outOfRange', 'count', 'it stands for one denial at least');
  return count;
}

const readLabItem = (value: CborValue, path: string): Uint8Array =>
  asBytes(value, { min: 1, max: MAX_LAB_ITEM }, path);
