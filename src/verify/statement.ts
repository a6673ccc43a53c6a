/**
 * The time-audit statement: what a Time Assessment Authority certifies of one audit of one clock, as DER of our own
 * extensible schema (docs/formats.md). All lengths are integers of nanoseconds; all differences are *audited − auditor*.
 *
 * The invariant: a statement never claims more than its own numbers bear. The verdict is no stronger than the interval
 * allows, the combined interval no narrower than the two legs together, the UTC label names the instant beside it.
 * Encoding and decoding both enforce it, and a statement has exactly one encoding.
 */

import {
  NS_PER_S,
  durNs,
  taiNs,
  type ClockState,
  type DurNs,
  type LeapState,
  type TaiNs,
} from '../time/types.js';
import { civilFromDays, daysFromCivil } from '../time/utc-label.js';
import {
  DerError,
  DerReader,
  Tag,
  boolean,
  context,
  enumerated,
  explicit,
  integer,
  isOid,
  octetString,
  oid,
  retag,
  sequence,
  utf8String,
} from './der.js';
import { isClusterId, isIdentityName } from './identity.js';

/** A difference of two clocks, known to lie in [low, high]. */
export interface Difference {
  readonly low: DurNs;
  /** Best estimate, inside the interval. */
  readonly offset: DurNs;
  readonly high: DurNs;
  /** Half-width around the offset: the larger of `high − offset` and `offset − low`. */
  readonly uncertainty: DurNs;
}

export const verdicts = ['pass', 'fail', 'inconclusive'] as const;
export type StatementVerdict = (typeof verdicts)[number];

/** An instant with its label; the label is for readers, the TAI count decides. */
export interface LabelledInstant {
  readonly tai: TaiNs;
  /** `2026-12-31T23:59:60.000000000Z`. */
  readonly utc: string;
}

export interface StatementExtension {
  readonly oid: string;
  /** A verifier that does not know a critical extension refuses the statement. */
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface TimeAuditStatement {
  readonly clusterId: string;
  /** Policy under which the audit was made; a laboratory's is a test OID. */
  readonly policy: { readonly oid: string; readonly version: number };
  /** Leaf index of the measurement record in the audit log. */
  readonly serial: number;
  /** RFC 6962 leaf hash of that record. */
  readonly measurementLeafHash: Uint8Array;
  /** What the auditor's clock is traceable to. The OID is absent where none is published. */
  readonly source: { readonly oid: string | null; readonly name: string };
  readonly auditor: { readonly node: string; readonly site: string };
  /** Opaque ids; the distinguished name is that of the audited unit, where the subscriber wants it shown. */
  readonly audited: {
    readonly device: string;
    readonly subscriber: string;
    readonly distinguishedName: string | null;
  };
  /** 1…n per device without a gap. */
  readonly sequence: number;
  /** When: in TAI, with the label of the midpoint (rounded down) and the TAI − UTC in force there. */
  readonly measuredAt: {
    readonly earliest: TaiNs;
    readonly latest: TaiNs;
    readonly taiMinusUtc: number;
    readonly utc: string;
  };
  /** TSA − UTC(NICT): both legs together. */
  readonly result: Difference;
  readonly legs: {
    readonly tsaMinusTaa: Difference & {
      /** Round trip of the deciding sample. */
      readonly delay: DurNs;
      readonly samples: number;
      /** Timescale in which the audited clock answered. */
      readonly timescale: 'tai' | 'utc';
    };
    readonly taaMinusUtc: Difference;
  };
  readonly limits: { readonly offset: DurNs; readonly delay: DurNs };
  readonly verdict: StatementVerdict;
  /** Bound of the oscillators' rate error on which the intervals rest, parts per billion. */
  readonly assumptions: { readonly rhoPpb: number };
  /** The auditor's clock while it measured. */
  readonly clock: {
    readonly state: ClockState;
    readonly epoch: number;
    readonly leap: LeapState;
    /** Nothing vouched for the reference beside itself. */
    readonly unmonitored: boolean;
  };
  /** Evidence validity: from ≤ t < to. */
  readonly validity: { readonly from: LabelledInstant; readonly to: LabelledInstant };
  /** How long the statement permits the device to issue, on its own monotonic clock. Zero unless the verdict is pass. */
  readonly lease: DurNs;
  readonly extensions: readonly StatementExtension[];
}

export type StatementErrorCode =
  'STATEMENT_MALFORMED' | 'STATEMENT_VERSION' | 'STATEMENT_INCONSISTENT' | 'UNKNOWN_CRITICAL_EXTENSION';

export class StatementError extends Error {
  override readonly name = 'StatementError';
  readonly code: StatementErrorCode;

  constructor(code: StatementErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const statementVersion = 1n;
const clockStates: readonly ClockState[] = [
  'unsynchronised',
  'acquiring',
  'synchronised',
  'holdover',
  'outOfTolerance',
  'disrupted',
  'quarantined',
];
const leapStates: readonly LeapState[] = ['none', 'announced', 'inProgress', 'infoStale', 'doubtful'];
const timescales = ['tai', 'utc'] as const;
const maxText = 512;

/** The difference known to lie in [low, high], with the midpoint (rounded down) as its best estimate. */
export function differenceOf(low: DurNs, high: DurNs): Difference {
  const offset = durNs((low + high) >> 1n);
  return { low, offset, high, uncertainty: durNs(high - offset) };
}

/** The instant that the label of an interval names. */
export const midpoint = (interval: { readonly earliest: TaiNs; readonly latest: TaiNs }): TaiNs =>
  taiNs((interval.earliest + interval.latest) >> 1n);

// ---- encoding ------------------------------------------------------------------------------------------------------

/** DER of a statement; equal statements give equal bytes. @throws StatementError when it contradicts itself */
export function encodeStatement(statement: TimeAuditStatement): Uint8Array {
  requireConsistent(statement);
  const { policy, source, auditor, audited, measuredAt, legs, limits, clock, validity } = statement;
  return sequence(
    integer(statementVersion),
    utf8String(statement.clusterId),
    sequence(oid(policy.oid), integer(policy.version)),
    integer(statement.serial),
    octetString(statement.measurementLeafHash),
    sequence(...(source.oid === null ? [] : [oid(source.oid)]), utf8String(source.name)),
    sequence(utf8String(auditor.node), utf8String(auditor.site)),
    sequence(
      utf8String(audited.device),
      utf8String(audited.subscriber),
      ...(audited.distinguishedName === null
        ? []
        : [retag(context(0, false), utf8String(audited.distinguishedName))]),
    ),
    integer(statement.sequence),
    sequence(
      integer(measuredAt.earliest),
      integer(measuredAt.latest),
      integer(measuredAt.taiMinusUtc),
      utf8String(measuredAt.utc),
    ),
    encodeDifference(statement.result),
    sequence(
      encodeDifference(legs.tsaMinusTaa),
      integer(legs.tsaMinusTaa.delay),
      integer(legs.tsaMinusTaa.samples),
      enumerated(timescales.indexOf(legs.tsaMinusTaa.timescale)),
    ),
    encodeDifference(legs.taaMinusUtc),
    sequence(integer(limits.offset), integer(limits.delay)),
    enumerated(verdicts.indexOf(statement.verdict)),
    sequence(integer(statement.assumptions.rhoPpb)),
    sequence(
      enumerated(clockStates.indexOf(clock.state)),
      integer(clock.epoch),
      enumerated(leapStates.indexOf(clock.leap)),
      boolean(clock.unmonitored),
    ),
    sequence(encodeInstant(validity.from), encodeInstant(validity.to)),
    integer(statement.lease),
    ...(statement.extensions.length === 0
      ? []
      : [explicit(0, sequence(...statement.extensions.map(encodeExtension)))]),
  );
}

const encodeDifference = ({ low, offset, high, uncertainty }: Difference): Uint8Array =>
  sequence(integer(low), integer(offset), integer(high), integer(uncertainty));

const encodeInstant = ({ tai, utc }: LabelledInstant): Uint8Array => sequence(integer(tai), utf8String(utc));

const encodeExtension = ({ oid: name, critical, value }: StatementExtension): Uint8Array =>
  sequence(oid(name), ...(critical ? [boolean(true)] : []), octetString(value));

// ---- decoding ------------------------------------------------------------------------------------------------------

/**
 * Reads a statement that `encodeStatement` could have made.
 * @param understood OIDs of critical extensions that the caller will honour
 * @throws StatementError
 */
export function decodeStatement(der: Uint8Array, understood: readonly string[] = []): TimeAuditStatement {
  const statement = asStatementError(() => readStatement(der));
  requireConsistent(statement);
  const foreign = statement.extensions.find(
    ({ oid: name, critical }) => critical && !understood.includes(name),
  );
  if (foreign) {
    throw new StatementError(
      'UNKNOWN_CRITICAL_EXTENSION',
      `the statement has a critical extension ${foreign.oid} that is not understood here; verify it with a newer version`,
    );
  }
  return statement;
}

function readStatement(der: Uint8Array): TimeAuditStatement {
  const reader = DerReader.whole(der, Tag.sequence);
  const version = reader.integer();
  if (version !== statementVersion) {
    throw new StatementError(
      'STATEMENT_VERSION',
      `the statement has version ${version.toString()}, known is ${statementVersion.toString()}; verify it with a newer version`,
    );
  }
  const statement: TimeAuditStatement = {
    clusterId: reader.utf8(),
    policy: readInto(reader, (inner) => ({ oid: inner.oid(), version: inner.count() })),
    serial: reader.count(),
    measurementLeafHash: reader.octets().slice(),
    source: readInto(reader, (inner) => ({
      oid: inner.nextTag === Tag.oid ? inner.oid() : null,
      name: inner.utf8(),
    })),
    auditor: readInto(reader, (inner) => ({ node: inner.utf8(), site: inner.utf8() })),
    audited: readInto(reader, readAudited),
    sequence: reader.count(),
    measuredAt: readInto(reader, (inner) => ({
      earliest: taiNs(readInt64(inner)),
      latest: taiNs(readInt64(inner)),
      taiMinusUtc: Number(readInt64(inner)),
      utc: inner.utf8(),
    })),
    result: readInto(reader, readDifference),
    legs: {
      tsaMinusTaa: readInto(reader, (inner) => ({
        ...readInto(inner, readDifference),
        delay: durNs(readInt64(inner)),
        samples: inner.count(),
        timescale: readEnumerated(inner, timescales),
      })),
      taaMinusUtc: readInto(reader, readDifference),
    },
    limits: readInto(reader, (inner) => ({
      offset: durNs(readInt64(inner)),
      delay: durNs(readInt64(inner)),
    })),
    verdict: readEnumerated(reader, verdicts),
    assumptions: readInto(reader, (inner) => ({ rhoPpb: inner.count() })),
    clock: readInto(reader, (inner) => ({
      state: readEnumerated(inner, clockStates),
      epoch: inner.count(),
      leap: readEnumerated(inner, leapStates),
      unmonitored: inner.boolean(),
    })),
    validity: readInto(reader, (inner) => ({
      from: readInto(inner, readInstant),
      to: readInto(inner, readInstant),
    })),
    lease: durNs(readInt64(reader)),
    extensions: readExtensions(reader),
  };
  reader.end();
  return statement;
}

function readInto<T>(reader: DerReader, read: (inner: DerReader) => T): T {
  const inner = reader.into(Tag.sequence);
  const value = read(inner);
  inner.end();
  return value;
}

function readAudited(reader: DerReader): TimeAuditStatement['audited'] {
  const device = reader.utf8();
  const subscriber = reader.utf8();
  const name = reader.optional(context(0, false));
  const distinguishedName = name ? new DerReader(retag(Tag.utf8String, name.bytes)).utf8() : null;
  return { device, subscriber, distinguishedName };
}

const readDifference = (reader: DerReader): Difference => ({
  low: durNs(readInt64(reader)),
  offset: durNs(readInt64(reader)),
  high: durNs(readInt64(reader)),
  uncertainty: durNs(readInt64(reader)),
});

const readInstant = (reader: DerReader): LabelledInstant => ({
  tai: taiNs(readInt64(reader)),
  utc: reader.utf8(),
});

function readExtensions(reader: DerReader): readonly StatementExtension[] {
  const wrapper = reader.intoOptional(context(0, true));
  if (!wrapper) return [];
  const list = wrapper.into(Tag.sequence);
  wrapper.end();
  const found: StatementExtension[] = [];
  while (!list.done) {
    const item = list.into(Tag.sequence);
    const name = item.oid();
    const flagged = item.nextTag === Tag.boolean;
    if (flagged && !item.boolean()) throw new DerError('a default value is encoded');
    found.push({ oid: name, critical: flagged, value: item.octets().slice() });
    item.end();
  }
  if (found.length === 0) throw new DerError('an empty list of extensions is encoded');
  return found;
}

function readInt64(reader: DerReader): bigint {
  const value = reader.integer();
  if (BigInt.asIntN(64, value) !== value) throw new DerError('an integer exceeds 64 bits');
  return value;
}

function readEnumerated<T>(reader: DerReader, values: readonly T[]): T {
  const value = values[Number(reader.integer(Tag.enumerated))];
  if (value === undefined) throw new DerError('an enumerated value is not defined');
  return value;
}

function asStatementError<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new StatementError('STATEMENT_MALFORMED', `not a time-audit statement: ${cause.message}`, {
      cause,
    });
  }
}

// ---- consistency ---------------------------------------------------------------------------------------------------

function requireConsistent(statement: TimeAuditStatement): void {
  requireNames(statement);
  requireCounts(statement);
  const { legs, result, limits, validity, lease, verdict } = statement;
  requireDifference('TSA − UTC', result);
  requireDifference('TSA − TAA', legs.tsaMinusTaa);
  requireDifference('TAA − UTC', legs.taaMinusUtc);
  check(
    result.low <= legs.tsaMinusTaa.low + legs.taaMinusUtc.low &&
      result.high >= legs.tsaMinusTaa.high + legs.taaMinusUtc.high,
    'the combined interval is narrower than its two legs together',
  );
  check(limits.offset > 0n && limits.delay > 0n, 'a limit is not positive');
  requireVerdict(statement);
  requireInstants(statement);
  check(validity.from.tai < validity.to.tai, 'the evidence validity ends before it begins');
  check(lease >= 0n && (lease === 0n || verdict === 'pass'), 'only a pass permits a device to issue');
}

function requireNames(statement: TimeAuditStatement): void {
  const { clusterId, policy, source, auditor, audited, extensions } = statement;
  check(isClusterId(clusterId), 'the cluster id is not a DNS-like name in lower case');
  check(isIdentityName(auditor.node), 'the node is not a name');
  for (const name of [policy.oid, source.oid, ...extensions.map((extension) => extension.oid)]) {
    check(name === null || isOid(name), `${JSON.stringify(name)} is not an object identifier`);
  }
  for (const text of [
    source.name,
    auditor.site,
    audited.device,
    audited.subscriber,
    audited.distinguishedName,
  ]) {
    check(text === null || (text.length > 0 && text.length <= maxText), 'a name is empty or too long');
  }
  const seen = new Set(extensions.map((extension) => extension.oid));
  check(seen.size === extensions.length, 'an extension stands twice');
}

function requireCounts(statement: TimeAuditStatement): void {
  const {
    policy,
    serial,
    measurementLeafHash,
    sequence: number,
    legs,
    clock,
    assumptions,
    measuredAt,
  } = statement;
  const counts = [policy.version, serial, number, legs.tsaMinusTaa.samples, clock.epoch, assumptions.rhoPpb];
  check(
    counts.every((count) => Number.isSafeInteger(count) && count >= 0),
    'a count is not an integer of 0 or more',
  );
  check(number >= 1, 'the audit sequence begins at 1');
  check(legs.tsaMinusTaa.samples >= 1, 'there is no sample');
  check(legs.tsaMinusTaa.delay >= 0n, 'the delay is negative');
  check(measurementLeafHash.length === 32, 'the leaf hash has not 32 bytes');
  check(Number.isSafeInteger(measuredAt.taiMinusUtc), 'TAI − UTC is not an integer');
}

function requireDifference(what: string, { low, offset, high, uncertainty }: Difference): void {
  check(low <= offset && offset <= high, `${what}: the best estimate lies outside its interval`);
  const half = high - offset > offset - low ? high - offset : offset - low;
  check(uncertainty === half, `${what}: the uncertainty is not the half-width of the interval`);
}

/** A verdict no stronger than the numbers. Inconclusive is always allowed: there are more reasons than these. */
function requireVerdict({ verdict, result, limits, legs, clock }: TimeAuditStatement): void {
  if (verdict === 'pass') {
    check(
      0n - limits.offset < result.low && result.high < limits.offset,
      'it passes an interval not within the limit',
    );
    check(legs.tsaMinusTaa.delay <= limits.delay, 'it passes a measurement with too long a delay');
    check(
      clock.state === 'synchronised' || clock.state === 'holdover',
      'it passes on a clock that was not in policy',
    );
  }
  if (verdict === 'fail') {
    check(
      result.low >= limits.offset || result.high <= 0n - limits.offset,
      'it fails an interval that reaches within the limit',
    );
  }
}

function requireInstants({ measuredAt, validity }: TimeAuditStatement): void {
  const { earliest, latest, taiMinusUtc, utc } = measuredAt;
  check(earliest <= latest, 'it was measured before it was measured');
  check(
    labelOf(utc) === midpoint(measuredAt) - BigInt(taiMinusUtc) * NS_PER_S,
    'the UTC label does not name the instant of measurement',
  );
  for (const instant of [validity.from, validity.to]) {
    const label = labelOf(instant.utc);
    // A leap second between measurement and this instant moves the label by one second, which only a table would tell.
    const distance = label === null ? null : instant.tai - label - BigInt(taiMinusUtc) * NS_PER_S;
    check(
      distance !== null && distance % NS_PER_S === 0n && distance >= -NS_PER_S && distance <= NS_PER_S,
      'a UTC label of the evidence validity does not name its instant',
    );
  }
}

const labelPattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{9})Z$/;

/**
 * Nanoseconds of UTC that a label names, counted with the TAI − UTC before a leap: 23:59:60 is the second after :59, so
 * that `label + TAI − UTC` is TAI within the inserted second as well. Null when it is no label.
 */
function labelOf(text: string): bigint | null {
  const match = labelPattern.exec(text);
  if (!match) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const leap = second === 60 && minute === 59 && hour === 23;
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || (second > 59 && !leap)) return null;
  const days = daysFromCivil(year, month, day);
  const date = civilFromDays(days);
  if (date.month !== month || date.day !== day) return null;
  const seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
  return BigInt(seconds) * NS_PER_S + BigInt(match[7] ?? '0');
}

function check(holds: boolean, otherwise: string): void {
  if (!holds)
    throw new StatementError('STATEMENT_INCONSISTENT', `the statement contradicts itself: ${otherwise}`);
}
