/**
 * The life of an audit: measured → confirmed → issued, or an outcome without a certificate. The invariants that this
 * file owns: sequences of a device are 1…n without a gap; each has exactly one outcome; a certificate is accepted only
 * over the facts that were committed, by the registered key of the node that measured; a request leads to one audit.
 */

import { taiNs, type ClockState } from '../time/types.js';
import { equalBytes } from '../verify/bytes.js';
import { encode, type CborObject } from '../verify/cbor.js';
import type { Member } from '../verify/membership.js';
import { leafHash } from '../verify/merkle.js';
import { confirmedBy } from './issuance.js';
import { memberInForce } from './members.js';
import type { Audit, AuditOutcome, Judgement, MeasurementFacts, PolicyTerms } from './model.js';
import { encodeAuditPolicy } from './policy.js';
import { accept, refuse, type CommandOutcome } from './refusals.js';
import {
  MAX_PENDING,
  REMEMBERED_AUDITS,
  auditKey,
  findAudit,
  pendingOf,
  policyFor,
  type DeviceState,
  type State,
} from './state.js';
import { contentOf, type StatementContext } from './statements.js';
import { factsBody, type Testimony } from './testimony.js';
import type { Turn } from './turn.js';
import { clockReason, judge, type InconclusiveReason } from './verdict.js';

type Of<K extends Testimony['kind']> = Extract<Testimony, { kind: K }>;

// ---- measured ------------------------------------------------------------------------------------------------------

export function applyMeasure(turn: Turn, { facts }: Of<'measure'>): CommandOutcome {
  const { state } = turn;
  if (memberOf(turn)?.kind !== 'full') return refuse('NODE_IS_WITNESS');
  const entry = state.devices.get(facts.device);
  if (entry === undefined) return refuse('DEVICE_UNKNOWN');
  const known = auditOfRequest(state, facts.device, facts.session, facts.request);
  if (known !== undefined) {
    const same =
      known.node === turn.node && equalBytes(encode(factsBody(known.facts)), encode(factsBody(facts)));
    return same ? accept(known.leaf) : refuse('REQUEST_REUSED');
  }
  const session = entry.sessions.find(({ id }) => equalBytes(id, facts.session));
  if (session === undefined) return refuse('SESSION_UNKNOWN');
  if (facts.request <= session.lastRequest) return refuse('REQUEST_FORGOTTEN');
  if (pendingOf(state, ({ device }) => device === facts.device).length >= MAX_PENDING) {
    return refuse('TOO_MANY_PENDING');
  }
  const audit = recordMeasurement(turn, entry, facts);
  entry.device = { ...entry.device, lastSequence: audit.sequence };
  entry.sessions = entry.sessions.map((other) =>
    other === session ? { ...session, lastRequest: facts.request } : other,
  );
  if (audit.outcome === null) addPending(state, audit);
  else remember(entry, audit);
  turn.events.push({ kind: 'measured', audit });
  return accept(audit.leaf);
}

function recordMeasurement(turn: Turn, entry: DeviceState, facts: MeasurementFacts): Audit {
  const { state } = turn;
  const { device } = entry;
  const policy = policyFor(state.policy, device);
  const judgement = judgeFor(state, entry, facts);
  const sequence = device.lastSequence + 1;
  const leaf = turn.record('measurement', {
    ...factsBody(facts),
    sequence,
    policy: encodeAuditPolicy(policy),
    policyVersion: state.policy.version,
    terms: { ...termsOf(state) },
    judgement: judgementBody(judgement),
  });
  return {
    device: device.id,
    sequence,
    node: turn.node,
    leaf,
    leafHash: leafHash(turn.leaves.at(-1) as Uint8Array),
    facts,
    judgement,
    policy,
    policyVersion: state.policy.version,
    terms: termsOf(state),
    deadline: taiNs(turn.time + policy.voidAfter),
    stage: 'measured',
    outcome: outcomeOf(judgement),
    certificate: null,
  };
}

const termsOf = ({ policy: { policyOid, sourceOid, sourceName } }: State): PolicyTerms => ({
  policyOid,
  sourceOid,
  sourceName,
});

/** Failing and not knowing are final at once; only a pass has further steps to make. */
function outcomeOf({ verdict, reason }: Judgement): AuditOutcome | null {
  switch (verdict) {
    case 'pass':
      return null;
    case 'fail':
      return { kind: 'failed' };
    case 'inconclusive':
      return { kind: 'inconclusive', reason };
  }
}

export function judgeFor(state: State, entry: DeviceState, facts: MeasurementFacts): Judgement {
  return judge(facts, {
    policy: policyFor(state.policy, entry.device),
    taaStop: state.policy.taaStop,
    barred: barOf(entry),
  });
}

function barOf({ device }: DeviceState): InconclusiveReason | null {
  if (device.stop !== null) return 'CLIENT_STOPPED';
  return device.credentials.every(({ suspended }) => suspended) ? 'CREDENTIAL_SUSPENDED' : null;
}

export const judgementBody = (judgement: Judgement): CborObject => ({ ...judgement });

export function auditOfRequest(
  state: State,
  device: string,
  session: Uint8Array,
  request: number,
): Audit | undefined {
  const matches = ({ facts }: Audit): boolean =>
    facts.device === device && facts.request === request && equalBytes(facts.session, session);
  return pendingOf(state, matches)[0] ?? state.devices.get(device)?.recent.find(matches);
}

// ---- confirmed, issued ---------------------------------------------------------------------------------------------

export function applyConfirm(turn: Turn, command: Of<'confirm'>): CommandOutcome {
  const found = ownAudit(turn, command);
  if (!found.ok) return found.refusal;
  const { audit } = found;
  if (audit.outcome !== null) return refuse('AUDIT_FINISHED');
  if (audit.stage === 'confirmed') return accept(null);
  const { facts } = audit;
  const by = confirmedBy(turn.state.policy.confirmBy, facts, command);
  if (!equalBytes(command.run, facts.run) || by === null) return refuse('NOT_CONFIRMED');
  const leaf = turn.record('confirmation', {
    device: audit.device,
    sequence: audit.sequence,
    measurement: audit.leaf,
    run: command.run,
    epoch: command.epoch,
    samples: command.samples,
    peerRounds: command.peerRounds,
    by,
  });
  const confirmed: Audit = { ...audit, stage: 'confirmed' };
  turn.state.pending.set(auditKey(audit.device, audit.sequence), confirmed);
  turn.events.push({ kind: 'confirmed', audit: confirmed });
  return accept(leaf);
}

export function applyIssue(turn: Turn, command: Of<'issue'>): CommandOutcome {
  const found = ownAudit(turn, command);
  if (!found.ok) return found.refusal;
  const { audit } = found;
  if (
    audit.outcome?.kind === 'certified' &&
    equalBytes(audit.certificate ?? new Uint8Array(0), command.der)
  ) {
    return accept(audit.outcome.leaf);
  }
  if (audit.outcome !== null) return refuse('AUDIT_FINISHED');
  if (audit.stage !== 'confirmed') return refuse('NOT_CONFIRMED');
  if (!isCertificateOf(turn, audit, command.der)) return refuse('CERTIFICATE_WRONG');
  const leaf = turn.record('certificate', {
    device: audit.device,
    sequence: audit.sequence,
    measurement: audit.leaf,
    der: command.der,
  });
  const issued: Audit = {
    ...audit,
    stage: 'issued',
    outcome: { kind: 'certified', leaf },
    certificate: command.der,
  };
  finish(turn.state, issued);
  turn.events.push({ kind: 'issued', audit: issued, leaf });
  return accept(leaf);
}

function isCertificateOf(turn: Turn, audit: Audit, der: Uint8Array): boolean {
  const { genesis, deps, state } = turn;
  const member = memberOf(turn);
  const context = statementContext(state, genesis, audit);
  if (member === undefined || context === null) return false;
  const content = contentOf(audit, context, deps.statements);
  return content !== null && deps.statements.check(der, content, member.issuingCertificate, deps.verifier);
}

export function statementContext(
  state: State,
  { clusterId }: { readonly clusterId: string },
  audit: Audit,
): StatementContext | null {
  const device = state.devices.get(audit.device)?.device;
  const site = memberInForce(state, audit.node)?.site;
  return device === undefined || site === undefined ? null : { clusterId, site, device };
}

// ---- voided --------------------------------------------------------------------------------------------------------

export function applyVoid(turn: Turn, command: Of<'void'>): CommandOutcome {
  const found = ownAudit(turn, command);
  if (!found.ok) return found.refusal;
  const { audit } = found;
  if (audit.outcome?.kind === 'voided' && audit.outcome.reason === command.reason) {
    return accept(audit.outcome.leaf);
  }
  if (audit.outcome !== null) return refuse('AUDIT_FINISHED');
  return accept(voidAudit(turn, audit, command.reason));
}

/** Voids what was not issued in time. Before anything else of an entry: its time has come by then. */
export function expireAudits(turn: Turn): void {
  const { state, time } = turn;
  if (state.nextDeadline === null || time < state.nextDeadline) return;
  for (const audit of pendingOf(state, ({ deadline }) => deadline <= time)) {
    voidAudit(turn, audit, audit.stage === 'measured' ? 'NOT_CONFIRMED' : 'NOT_ISSUED_IN_TIME');
  }
}

/** A clock that lost its footing takes with it what it measured and has not certified. */
export function voidForClock(turn: Turn, to: ClockState): void {
  const reason = to === 'acquiring' ? null : clockReason(to);
  if (reason === null) return;
  for (const audit of pendingOf(turn.state, ({ node }) => node === turn.node)) voidAudit(turn, audit, reason);
}

/** A new run has another monotonic clock: what the old one measured can no longer be bracketed. */
export function voidForRun(turn: Turn, run: Uint8Array): void {
  const lost = ({ node, stage, facts }: Audit): boolean =>
    node === turn.node && stage === 'measured' && !equalBytes(facts.run, run);
  for (const audit of pendingOf(turn.state, lost)) voidAudit(turn, audit, 'NOT_CONFIRMED');
}

/** A device that was stopped, or has no key left, gets no certificate for what was measured before. */
export function voidForDevice(turn: Turn, device: string, reason: InconclusiveReason): void {
  for (const audit of pendingOf(turn.state, (pending) => pending.device === device)) {
    voidAudit(turn, audit, reason);
  }
}

/** A node that is a member no more issues nothing more. */
export function voidForNode(turn: Turn, node: string): void {
  for (const audit of pendingOf(turn.state, (pending) => pending.node === node)) {
    voidAudit(turn, audit, 'NODE_REMOVED');
  }
}

function voidAudit(turn: Turn, audit: Audit, reason: string): number {
  const leaf = turn.record('voided', {
    device: audit.device,
    sequence: audit.sequence,
    measurement: audit.leaf,
    measuredBy: audit.node,
    stage: audit.stage,
    reason,
  });
  const voided: Audit = { ...audit, outcome: { kind: 'voided', leaf, reason } };
  finish(turn.state, voided);
  turn.events.push({ kind: 'voided', audit: voided });
  return leaf;
}

// ---- shared --------------------------------------------------------------------------------------------------------

const memberOf = (turn: Turn): Member | undefined => memberInForce(turn.state, turn.node);

type OwnAudit =
  { readonly ok: true; readonly audit: Audit } | { readonly ok: false; readonly refusal: CommandOutcome };

function ownAudit(turn: Turn, name: { readonly device: string; readonly sequence: number }): OwnAudit {
  const audit = findAudit(turn.state, name.device, name.sequence);
  if (audit === undefined) return { ok: false, refusal: refuse('AUDIT_UNKNOWN') };
  if (audit.node !== turn.node) return { ok: false, refusal: refuse('NOT_THE_MEASURING_NODE') };
  return { ok: true, audit };
}

function addPending(state: State, audit: Audit): void {
  state.pending.set(auditKey(audit.device, audit.sequence), audit);
  if (state.nextDeadline === null || audit.deadline < state.nextDeadline) state.nextDeadline = audit.deadline;
}

function finish(state: State, audit: Audit): void {
  state.pending.delete(auditKey(audit.device, audit.sequence));
  state.nextDeadline = earliestDeadline(state);
  const entry = state.devices.get(audit.device);
  if (entry !== undefined) remember(entry, audit);
}

export function earliestDeadline(state: State): State['nextDeadline'] {
  let earliest: State['nextDeadline'] = null;
  for (const { deadline } of state.pending.values()) {
    if (earliest === null || deadline < earliest) earliest = deadline;
  }
  return earliest;
}

/** Pending audits may finish out of order: the list stays ordered by sequence, and forgets the lowest. */
function remember(entry: DeviceState, audit: Audit): void {
  const { recent } = entry;
  const at = recent.findLastIndex(({ sequence }) => sequence < audit.sequence) + 1;
  const all = [...recent.slice(0, at), audit, ...recent.slice(at)];
  entry.recent = all.slice(Math.max(0, all.length - REMEMBERED_AUDITS));
}
