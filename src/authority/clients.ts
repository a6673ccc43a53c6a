/** Registered devices: who they are, which keys they hold, under which overrides they are audited, whether a stop stands. */

import { equalBytes } from '../verify/bytes.js';
import { IdentityError, parseIdentity } from '../verify/identity.js';
import { voidForDevice } from './audits.js';
import type { Act } from './acts.js';
import type { Device } from './model.js';
import { encodeAuditPolicy } from './policy.js';
import { accept, refuse, type CommandOutcome } from './refusals.js';
import { MAX_CREDENTIALS, MAX_SESSIONS, type DeviceState, type SessionState } from './state.js';
import type { Testimony } from './testimony.js';
import type { RecordFields, Turn } from './turn.js';

type Of<K extends Testimony['kind']> = Extract<Testimony, { kind: K }>;
type ActOf<K extends Act['command']> = Extract<Act, { command: K }>;

// ---- what people order ---------------------------------------------------------------------------------------------

/** `evidence` are the fields with the person's signature that the record carries. */
export function register(
  turn: Turn,
  act: ActOf<'registerClient'>,
  id: string,
  evidence: RecordFields,
): CommandOutcome {
  const { state, genesis } = turn;
  if (!isClientOf(act.identity, genesis.clusterId)) return refuse('IDENTITY_NOT_ALLOWED');
  if (state.identities.has(act.identity) || state.devices.has(id)) return refuse('ALREADY_REGISTERED');
  const device: Device = {
    id,
    subscriber: act.subscriber,
    identity: act.identity,
    credentials: [{ spki: act.spki, suspended: false }],
    policy: act.policy,
    stop: null,
    lastSequence: 0,
  };
  const leaf = turn.record('registration', {
    device: id,
    subscriber: act.subscriber,
    spki: act.spki,
    policy: encodeAuditPolicy(act.policy),
    ...(act.details === null ? {} : { details: act.details }),
    ...evidence,
  });
  state.devices.set(id, { device, sessions: [], recent: [] });
  state.identities.set(act.identity, id);
  turn.events.push({ kind: 'deviceChanged', device });
  return accept(leaf);
}

function isClientOf(uri: string, clusterId: string): boolean {
  try {
    const identity = parseIdentity(uri);
    return identity.role === 'client' && identity.clusterId === clusterId;
  } catch (error) {
    if (error instanceof IdentityError) return false;
    throw error;
  }
}

export function setDevicePolicy(
  turn: Turn,
  act: ActOf<'setDevicePolicy'>,
  evidence: RecordFields,
): CommandOutcome {
  const entry = turn.state.devices.get(act.device);
  if (entry === undefined) return refuse('DEVICE_UNKNOWN');
  const policy = encodeAuditPolicy(act.policy);
  const leaf = turn.record('devicePolicy', { device: act.device, policy, ...evidence });
  change(turn, entry, { policy: act.policy });
  return accept(leaf);
}

/** What restricts takes hold of everything under way: nothing that was measured before is certified after. */
export function stop(turn: Turn, act: ActOf<'stopClient'>, evidence: RecordFields): CommandOutcome {
  const entry = turn.state.devices.get(act.device);
  if (entry === undefined) return refuse('DEVICE_UNKNOWN');
  if (entry.device.stop !== null) return refuse('ALREADY_STOPPED');
  const leaf = turn.record('stopOrder', { device: act.device, reason: act.reason, ...evidence });
  entry.device = { ...entry.device, stop: { leaf, reason: act.reason, acknowledgedLeaf: null } };
  turn.events.push({ kind: 'stopOrdered', device: entry.device });
  voidForDevice(turn, act.device, 'CLIENT_STOPPED');
  return accept(leaf);
}

export function release(turn: Turn, act: ActOf<'releaseClient'>, evidence: RecordFields): CommandOutcome {
  const entry = turn.state.devices.get(act.device);
  if (entry === undefined) return refuse('DEVICE_UNKNOWN');
  if (entry.device.stop === null) return refuse('NOT_STOPPED');
  const order = entry.device.stop.leaf;
  const leaf = turn.record('stopRelease', { device: act.device, order, reason: act.reason, ...evidence });
  entry.device = { ...entry.device, stop: null };
  turn.events.push({ kind: 'stopReleased', device: entry.device, order });
  return accept(leaf);
}

export function addCredential(
  turn: Turn,
  act: ActOf<'addCredential'>,
  evidence: RecordFields,
): CommandOutcome {
  const entry = turn.state.devices.get(act.device);
  if (entry === undefined) return refuse('DEVICE_UNKNOWN');
  const { credentials } = entry.device;
  if (credentials.some(({ spki }) => equalBytes(spki, act.spki))) return refuse('CREDENTIAL_EXISTS');
  if (credentials.length >= MAX_CREDENTIALS) return refuse('TOO_MANY_CREDENTIALS');
  const leaf = turn.record('credential', {
    device: act.device,
    spki: act.spki,
    change: 'added',
    ...evidence,
  });
  change(turn, entry, { credentials: [...credentials, { spki: act.spki, suspended: false }] });
  return accept(leaf);
}

export function suspendOrRestore(
  turn: Turn,
  act: ActOf<'suspendCredential' | 'restoreCredential'>,
  evidence: RecordFields,
): CommandOutcome {
  const entry = turn.state.devices.get(act.device);
  if (entry === undefined) return refuse('DEVICE_UNKNOWN');
  const suspended = act.command === 'suspendCredential';
  const { credentials } = entry.device;
  const concerned = credentials.find(({ spki }) => equalBytes(spki, act.spki));
  if (concerned?.suspended !== !suspended) return refuse('CREDENTIAL_UNKNOWN');
  const leaf = turn.record('credential', {
    device: act.device,
    spki: act.spki,
    change: suspended ? 'suspended' : 'restored',
    reason: act.reason,
    ...evidence,
  });
  const next = credentials.map((credential) =>
    credential === concerned ? { ...credential, suspended } : credential,
  );
  change(turn, entry, { credentials: next });
  if (next.every((credential) => credential.suspended)) {
    voidForDevice(turn, act.device, 'CREDENTIAL_SUSPENDED');
  }
  return accept(leaf);
}

function change(turn: Turn, entry: DeviceState, changes: Partial<Device>): void {
  entry.device = { ...entry.device, ...changes };
  turn.events.push({ kind: 'deviceChanged', device: entry.device });
}

// ---- what nodes saw of them ----------------------------------------------------------------------------------------

/** A session goes on wherever the device opens it again: its request numbers count up across nodes. */
export function openSession(turn: Turn, command: Of<'sessionOpen'>): CommandOutcome {
  const entry = turn.state.devices.get(command.device);
  if (entry === undefined) return refuse('DEVICE_UNKNOWN');
  const known = entry.sessions.find(({ id }) => equalBytes(id, command.session));
  const opened: SessionState = {
    id: command.session,
    node: turn.node,
    lastRequest: known?.lastRequest ?? -1,
  };
  const leaf = turn.record('sessionOpened', {
    device: command.device,
    session: command.session,
    software: command.software,
    address: command.address,
    resumed: known !== undefined,
  });
  const others = entry.sessions.filter((session) => session !== known);
  entry.sessions = [...others.slice(-(MAX_SESSIONS - 1)), opened];
  const { device } = entry;
  turn.events.push({ kind: 'sessionOpened', device, session: command.session, node: turn.node });
  return accept(leaf);
}

/** Only recorded: what the session asked for stays exactly-once after its end. */
export function closeSession(turn: Turn, command: Of<'sessionClose'>): CommandOutcome {
  const known = sessionOf(turn, command);
  if (!known) return refuse('SESSION_UNKNOWN');
  const { device, session, reason } = command;
  return accept(turn.record('sessionClosed', { device, session, reason }));
}

function sessionOf(turn: Turn, { device, session }: Of<'sessionClose'>): boolean {
  const entry = turn.state.devices.get(device);
  return entry?.sessions.some(({ id }) => equalBytes(id, session)) ?? false;
}

/** The node has verified the client's signature before it proposed; it is kept as evidence and checked offline. */
export function acknowledgeStop(turn: Turn, command: Of<'stopAcknowledged'>): CommandOutcome {
  const entry = turn.state.devices.get(command.device);
  if (entry === undefined) return refuse('DEVICE_UNKNOWN');
  const { stop: standing } = entry.device;
  if (standing?.leaf !== command.order) return refuse('STOP_UNKNOWN');
  if (standing.acknowledgedLeaf !== null) return accept(standing.acknowledgedLeaf);
  const { device, order, statement, signature } = command;
  const leaf = turn.record('stopAcknowledgement', { device, order, statement, signature });
  entry.device = { ...entry.device, stop: { ...standing, acknowledgedLeaf: leaf } };
  turn.events.push({ kind: 'stopAcknowledged', device: entry.device });
  return accept(leaf);
}
