/**
 * The whole state as bytes and back. Deterministic: equal states give equal bytes, whatever way they were reached, so
 * that a digest of them can be compared between nodes. Reading is strict; what was not written by `encodeState` is an
 * error, and a snapshot of a newer format or state machine is refused with the remedy instead of half understood.
 */

import { durNs, taiNs, type DurNs } from '../time/types.js';
import { CborError, encode, type CborMap, type CborObject, type CborValue } from '../verify/cbor.js';
import { asBytes, decodeMap, isMap, readMap, type CborReader } from '../verify/cbor-reader.js';
import { membershipAfter, readSignedOrder } from '../verify/membership-chain.js';
import { MAX_MEMBERSHIP_VERSION, type Membership } from '../verify/membership.js';
import type { SignedOrder } from '../verify/orders.js';
import { earliestDeadline } from './audits.js';
import { AuthorityError } from './errors.js';
import { bornMembers, currentMembership, replayChanges, type MembersState } from './members.js';
import type {
  ApprovedLeap,
  Audit,
  AuditOutcome,
  Credential,
  Device,
  Judgement,
  LeapEntry,
  PolicyTerms,
  Stop,
} from './model.js';
import {
  encodeAuditPolicy,
  encodePolicy,
  readAuditOverrides,
  readAuditPolicy,
  readClusterPolicy,
} from './policy.js';
import { refusalReasons, type CommandOutcome, type RefusalReason } from './refusals.js';
import {
  CommandMemory,
  MAX_COMMANDS,
  MAX_CREDENTIALS,
  MAX_DELAYED,
  MAX_LEAP_ENTRIES,
  MAX_SESSIONS,
  REMEMBERED_AUDITS,
  SUPPORTED_VERSION,
  auditKey,
  type Denials,
  type DeviceState,
  type NodeState,
  type SessionState,
  type State,
  type StatementMemory,
} from './state.js';
import { factsBody, readFacts } from './testimony.js';

/** 2 added the members. An image of version 1 is of a cluster whose members never changed. */
export const SNAPSHOT_VERSION = 2;

const LIMITS = { maxBytes: 0x7fff_ffff, maxDepth: 10 };

// ---- writing -------------------------------------------------------------------------------------------------------

export function encodeState(state: State, clusterId: string): Uint8Array {
  const pending = [...state.pending.values()].sort((a, b) => a.leaf - b.leaf);
  return encode({
    v: isBorn(state.members) ? 1 : SNAPSHOT_VERSION,
    cluster: clusterId,
    stateMachineVersion: state.version,
    policy: encodePolicy(state.policy),
    leap: leapBody(state.leap),
    members: isBorn(state.members) ? undefined : membersBody(state.members),
    // Maps are written in the order of their keys, whatever order they were filled in.
    devices: mapped(state.devices, deviceBody),
    nodes: mapped(state.nodes, ({ run, version, supports }) => ({ run, version, supports })),
    pending: pending.map(auditBody),
    minute: state.minute,
    denials: mapped(state.denials, ({ identity, reason, suppressed }) => ({ identity, reason, suppressed })),
    statements: mapped(state.statements, ({ digest, expires, outcome }) => ({
      digest,
      expires,
      outcome: { ...outcome },
    })),
    commands: state.commands.pack(),
    delayable: delayableBody(state.delayable),
    uncovered: state.uncovered,
    lastBoundary: state.lastBoundary,
  });
}

/** Nothing was said about members since the genesis: the image is one of version 1. */
const isBorn = ({ changes, pending, configuration }: MembersState): boolean =>
  changes.length === 0 && pending === null && configuration === null;

function membersBody({ changes, pending, configuration }: MembersState): CborObject {
  return {
    changes: changes.map(({ order, inForce, attested }) => ({
      ...order,
      inForce,
      attested: attested === null ? null : { ...attested },
    })),
    pending: pending === null ? null : { ...pending.order, leaf: pending.leaf },
    configuration:
      configuration === null
        ? null
        : {
            index: configuration.index,
            payload: configuration.payload,
            incarnations: new Map(configuration.incarnations),
          },
  };
}

function mapped<T>(map: ReadonlyMap<string, T>, body: (value: T) => CborObject): Map<string, CborObject> {
  return new Map([...map].map(([key, value]) => [key, body(value)]));
}

/** Absent while there is nothing in it: images from before it existed are read as such. */
function leapBody({ table, entries }: ApprovedLeap): CborObject | undefined {
  if (table === null && entries.length === 0) return undefined;
  return { table: table === null ? null : { ...table }, entries: entries.map((entry) => ({ ...entry })) };
}

function delayableBody(delayable: State['delayable']): readonly CborObject[] | undefined {
  if (delayable.size === 0) return undefined;
  const entries = [...delayable].map(([node, nonces]) => ({ node, nonces }));
  return entries.sort((a, b) => (a.node < b.node ? -1 : 1));
}

function deviceBody({ device, sessions, recent }: DeviceState): CborObject {
  const { subscriber, identity, credentials, policy, stop, lastSequence } = device;
  return {
    subscriber,
    identity,
    credentials: credentials.map(({ spki, suspended }) => ({ spki, suspended })),
    policy: encodeAuditPolicy(policy),
    stop: stop === null ? null : { ...stop },
    lastSequence,
    sessions: sessions.map(({ id, node, lastRequest }) => ({ id, node, lastRequest })),
    recent: recent.map(auditBody),
  };
}

function auditBody(audit: Audit): CborObject {
  return {
    ...audit,
    facts: factsBody(audit.facts),
    judgement: { ...audit.judgement },
    policy: encodeAuditPolicy(audit.policy),
    terms: { ...audit.terms },
    outcome: audit.outcome === null ? null : { ...audit.outcome },
  };
}

// ---- reading -------------------------------------------------------------------------------------------------------

/** @throws AuthorityError STATE_MALFORMED, STATE_NEWER */
export function decodeState(snapshot: Uint8Array, first: Membership): State {
  try {
    return decodeMap(snapshot, 'state', (reader) => readState(reader, first), LIMITS);
  } catch (cause) {
    if (!(cause instanceof CborError)) throw cause;
    throw malformed(cause.message, cause);
  }
}

function malformed(detail: string, cause?: unknown): AuthorityError {
  return new AuthorityError(
    'STATE_MALFORMED',
    `the state image cannot be used: ${detail}; restore the data directory from another node`,
    { cause },
  );
}

function requireKnown(what: string, version: number, known: number): void {
  if (version <= known) return;
  throw new AuthorityError(
    'STATE_NEWER',
    `the state image has ${what} ${version}, this program knows up to ${known}; run a newer program`,
  );
}

function readState(reader: CborReader, first: Membership): State {
  const { clusterId } = first;
  const format = reader.uint('v');
  requireKnown('format version', format, SNAPSHOT_VERSION);
  const cluster = reader.text('cluster');
  if (cluster !== clusterId) throw malformed(`it is of cluster ${cluster}, this is ${clusterId}`);
  const version = reader.uint('stateMachineVersion');
  requireKnown('state machine version', version, SUPPORTED_VERSION);
  const devices = readMapOf(reader, 'devices', readDevice);
  const pending = reader.maps('pending', readAudit);
  const state: State = {
    version,
    policy: reader.map('policy', readClusterPolicy),
    leap: reader.optionalMap('leap', readLeap) ?? { table: null, entries: [] },
    members: format === 1 ? bornMembers(first) : reader.map('members', (inner) => readMembers(inner, first)),
    devices,
    identities: new Map([...devices.values()].map(({ device }) => [device.identity, device.id])),
    nodes: readMapOf(reader, 'nodes', readNode),
    pending: new Map(pending.map((audit) => [auditKey(audit.device, audit.sequence), audit])),
    nextDeadline: null,
    minute: reader.int64('minute'),
    denials: readMapOf(reader, 'denials', readDenials),
    statements: readMapOf(reader, 'statements', readStatement),
    commands: readCommands(reader),
    delayable: readDelayable(reader),
    uncovered: reader.uint('uncovered'),
    lastBoundary: taiNs(reader.int64('lastBoundary')),
  };
  state.nextDeadline = earliestDeadline(state);
  return state;
}

function readMembers(reader: CborReader, first: Membership): MembersState {
  const changes = replayChanges(
    first,
    reader.maps(
      'changes',
      (change) => ({
        order: readSignedOrder(change),
        inForce: change.uint('inForce'),
        attested: orNull(change, 'attested', (attested) => ({
          leaf: attested.uint('leaf'),
          note: attested.bytes('note'),
        })),
      }),
      MAX_MEMBERSHIP_VERSION,
    ),
  );
  if (changes === null) throw malformed('its orders about members contradict each other');
  const members: MembersState = { ...bornMembers(first), changes };
  const pending = orNull(reader, 'pending', (inner) => ({
    order: readSignedOrder(inner),
    leaf: inner.uint('leaf'),
  }));
  members.pending = pending === null ? null : pendingFrom(pending, currentMembership(members));
  members.configuration = orNull(reader, 'configuration', (inner) => ({
    index: inner.uint('index'),
    payload: inner.bytes('payload'),
    incarnations: readIncarnations(inner.value('incarnations')),
  }));
  return members;
}

function pendingFrom(
  { order, leaf }: { readonly order: SignedOrder; readonly leaf: number },
  current: Membership,
): MembersState['pending'] {
  const made = membershipAfter(order, current);
  if (!made.ok) throw malformed(made.detail);
  return { order, leaf, target: made.membership };
}

function readIncarnations(value: CborValue): ReadonlyMap<string, Uint8Array | null> {
  const entries = [...asMap(value, 'incarnations')];
  return new Map(
    entries.map(([name, item]) => [name, item === null ? null : asBytes(item, { length: 16 }, name)]),
  );
}

function readMapOf<T>(
  reader: CborReader,
  key: string,
  read: (reader: CborReader, key: string) => T,
): Map<string, T> {
  const map: CborMap = asMap(reader.value(key), key);
  return new Map(
    [...map].map(([name, value]) => [name, readMap(value, `${key}.${name}`, (inner) => read(inner, name))]),
  );
}

function asMap(value: CborValue, path: string): CborMap {
  if (!isMap(value)) throw new CborError('wrongType', path, 'a map is expected');
  return value;
}

function readDevice(reader: CborReader, id: string): DeviceState {
  const device: Device = {
    id,
    subscriber: reader.text('subscriber'),
    identity: reader.text('identity'),
    credentials: reader.maps('credentials', readCredential, MAX_CREDENTIALS),
    policy: reader.map('policy', readAuditOverrides),
    stop: orNull(reader, 'stop', readStop),
    lastSequence: reader.uint('lastSequence'),
  };
  return {
    device,
    sessions: reader.maps('sessions', readSession, MAX_SESSIONS),
    recent: reader.maps('recent', readAudit, REMEMBERED_AUDITS),
  };
}

const readLeap = (reader: CborReader): ApprovedLeap => ({
  table: orNull(reader, 'table', (table) => ({
    hash: table.text('hash'),
    updated: table.int64('updated'),
    expires: table.int64('expires'),
    taiMinusUtc: table.int('taiMinusUtc'),
    source: table.text('source'),
    leaf: table.uint('leaf'),
  })),
  entries: reader.maps('entries', readLeapEntry, MAX_LEAP_ENTRIES),
});

function readLeapEntry(reader: CborReader): LeapEntry {
  const change = reader.int('change');
  if (change !== -1 && change !== 0 && change !== 1) {
    throw new CborError('outOfRange', 'state.leap', 'a leap second changes TAI − UTC by one');
  }
  return {
    midnight: reader.int64('midnight'),
    change,
    reference: reader.text('reference'),
    leaf: reader.uint('leaf'),
  };
}

const readCredential = (reader: CborReader): Credential => ({
  spki: reader.bytes('spki'),
  suspended: reader.bool('suspended'),
});

const readStop = (reader: CborReader): Stop => ({
  leaf: reader.uint('leaf'),
  reason: reader.text('reason'),
  acknowledgedLeaf: leafOrNull(reader, 'acknowledgedLeaf'),
});

const readSession = (reader: CborReader): SessionState => ({
  id: reader.bytes('id', { length: 16 }),
  node: reader.text('node'),
  lastRequest: reader.int('lastRequest'),
});

const readNode = (reader: CborReader): NodeState => ({
  run: reader.bytes('run', { length: 16 }),
  version: reader.text('version'),
  supports: reader.uint('supports'),
});

const readDenials = (reader: CborReader): Denials => ({
  identity: reader.text('identity'),
  reason: reader.text('reason'),
  suppressed: reader.uint('suppressed'),
});

const readStatement = (reader: CborReader): StatementMemory => ({
  digest: reader.bytes('digest', { length: 32 }),
  expires: taiNs(reader.int64('expires')),
  outcome: reader.map('outcome', readOutcome),
});

const reasons = Object.keys(refusalReasons) as RefusalReason[];

function readOutcome(reader: CborReader): CommandOutcome {
  if (reader.bool('ok')) return { ok: true, leaf: leafOrNull(reader, 'leaf') };
  return { ok: false, reason: reader.oneOf('reason', reasons), detail: reader.text('detail') };
}

function readCommands(reader: CborReader): CommandMemory {
  const memory = CommandMemory.unpack(reader.bytes('commands', { max: MAX_COMMANDS * 24 }));
  if (memory === null) throw new CborError('outOfRange', 'state.commands', 'not a list of commands');
  return memory;
}

/** Absent while there is nothing in it. */
function readDelayable(reader: CborReader): Map<string, Uint8Array> {
  const entries = reader.optionalArray('delayable', (value, path) =>
    readMap(value, path, (entry): [string, Uint8Array] => {
      const nonces = entry.bytes('nonces', { max: 16 * MAX_DELAYED });
      if (nonces.length % 16 !== 0)
        throw new CborError('outOfRange', path, 'nonces of 16 bytes are expected');
      return [entry.text('node'), nonces];
    }),
  );
  return new Map(entries ?? []);
}

function readAudit(reader: CborReader): Audit {
  return {
    device: reader.text('device'),
    sequence: reader.uint('sequence'),
    node: reader.text('node'),
    leaf: reader.uint('leaf'),
    leafHash: reader.bytes('leafHash', { length: 32 }),
    facts: reader.map('facts', readFacts),
    judgement: reader.map('judgement', readJudgement),
    policy: reader.map('policy', readAuditPolicy),
    policyVersion: reader.uint('policyVersion'),
    terms: reader.map('terms', readTerms),
    deadline: taiNs(reader.int64('deadline')),
    stage: reader.oneOf('stage', ['measured', 'confirmed', 'issued']),
    outcome: orNull(reader, 'outcome', readAuditOutcome),
    certificate: reader.value('certificate') === null ? null : reader.bytes('certificate'),
  };
}

const readTerms = (reader: CborReader): PolicyTerms => ({
  policyOid: reader.text('policyOid'),
  sourceOid: reader.text('sourceOid'),
  sourceName: reader.text('sourceName'),
});

function readJudgement(reader: CborReader): Judgement {
  const length = (key: string): DurNs => durNs(reader.int64(key));
  return {
    verdict: reader.oneOf('verdict', ['pass', 'fail', 'inconclusive']),
    reason: reader.text('reason'),
    tsaLow: length('tsaLow'),
    tsaHigh: length('tsaHigh'),
    delay: length('delay'),
    low: length('low'),
    high: length('high'),
  };
}

function readAuditOutcome(reader: CborReader): AuditOutcome {
  const kind = reader.oneOf('kind', ['certified', 'failed', 'inconclusive', 'voided']);
  switch (kind) {
    case 'certified':
      return { kind, leaf: reader.uint('leaf') };
    case 'failed':
      return { kind };
    case 'inconclusive':
      return { kind, reason: reader.text('reason') };
    case 'voided':
      return { kind, leaf: reader.uint('leaf'), reason: reader.text('reason') };
  }
}

function orNull<T>(reader: CborReader, key: string, read: (reader: CborReader) => T): T | null {
  return reader.value(key) === null ? null : reader.map(key, read);
}

const leafOrNull = (reader: CborReader, key: string): number | null =>
  reader.value(key) === null ? null : reader.uint(key);
