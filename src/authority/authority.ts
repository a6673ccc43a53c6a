/**
 * The replicated state machine: committed commands in; records, events and state out. A pure function of the state and
 * the entry, so that every node makes the same records and computes the same root.
 *
 * Invariants: apply never throws, whatever the payload; a refused command changes nothing but adds the record of its
 * refusal; a command that was proposed twice takes effect once.
 */

import type { LeafIndex } from '../audit/types.js';
import { taiNs, NS_PER_S } from '../time/types.js';
import { sha256 } from '../verify/crypto.js';
import type { CheckpointPolicy } from '../verify/checkpoint-policy.js';
import { genesisDocument, genesisHash, type Genesis } from '../verify/genesis.js';
import type { MembershipStep } from '../verify/membership-chain.js';
import { membershipOfGenesis } from '../verify/membership.js';
import { applyDenied, applySigned, closeMinute } from './access.js';
import type { Applied, AppliedEntry, Authority, MembershipView } from './api.js';
import {
  applyConfirm,
  applyIssue,
  applyMeasure,
  applyVoid,
  auditOfRequest,
  expireAudits,
  judgeFor,
  statementContext,
} from './audits.js';
import { acknowledgeStop, closeSession, openSession } from './clients.js';
import {
  clockAnomaly,
  clockComparison,
  clockTransition,
  diverged,
  forkEvidence,
  labAppend,
  nodeStarted,
  nodeStopping,
  stateDigest,
} from './cluster.js';
import {
  decodeCommand,
  isDelayable,
  type Command,
  type CommandEnvelope,
  type DecodedCommand,
  type UnreadableCommand,
} from './commands.js';
import {
  applyConfiguration,
  attestMembership,
  bornMembers,
  everMember,
  knownMember,
  memberInForce,
  policyAt,
  stepsAt,
  viewOf,
} from './members.js';
import type { Audit, Device, Judgement, MeasurementFacts } from './model.js';
import { leapCheck } from './leap.js';
import { encodePolicy, policyOfGenesis } from './policy.js';
import { encodeRecord, leafRandom } from './records.js';
import { accept, refuse, type CommandOutcome } from './refusals.js';
import { decodeState, encodeState } from './snapshot.js';
import {
  CommandMemory,
  findAudit,
  isOnRecord,
  pendingOf,
  policyFor,
  putOnRecord,
  type State,
} from './state.js';
import { contentOf } from './statements.js';
import { Turn, type AuthorityDeps } from './turn.js';

export type { AuthorityDeps } from './turn.js';

/**
 * Laboratory records make a boundary at most this often: each costs every node a synced file, a signature and the
 * verification of the others' (a quarter of a node's processor time at 50 ms), and would be measured instead of the log.
 */
const LAB_BOUNDARY_INTERVAL = NS_PER_S;

/** A cluster at its birth, and the first leaf of its log. @throws AuthorityError for a policy that cannot be used */
export function birthAuthority(
  genesis: Genesis,
  deps: AuthorityDeps,
): { readonly authority: Authority; readonly leaves: readonly Uint8Array[] } {
  const policy = policyOfGenesis(genesis.policy, genesis.lab);
  const state: State = {
    version: 1,
    policy,
    leap: { table: null, entries: [] },
    members: bornMembers(membershipOfGenesis(genesis)),
    devices: new Map(),
    identities: new Map(),
    nodes: new Map(),
    pending: new Map(),
    nextDeadline: null,
    minute: 0n,
    denials: new Map(),
    statements: new Map(),
    commands: new CommandMemory(),
    delayable: new Map(),
    uncovered: 1,
    lastBoundary: taiNs(0n),
  };
  const hash = genesisHash(genesisDocument(genesis));
  const leaf = encodeRecord(
    { type: 'genesis', time: genesis.createdAt, index: 0, node: '', rnd: leafRandom(hash, 0, 0) },
    {
      cluster: genesis.clusterId,
      genesis: hash,
      lab: genesis.lab,
      members: genesis.members.map(({ id, site, kind }) => ({ id, site, kind })),
      policy: encodePolicy(policy),
      stateMachineVersion: 1,
    },
  );
  return { authority: new StateMachine(state, genesis, deps), leaves: [leaf] };
}

/** The state machine as it was when `snapshot` was taken. @throws AuthorityError */
export function restoreAuthority(snapshot: Uint8Array, genesis: Genesis, deps: AuthorityDeps): Authority {
  return new StateMachine(decodeState(snapshot, membershipOfGenesis(genesis)), genesis, deps);
}

class StateMachine implements Authority {
  readonly #state: State;
  readonly #genesis: Genesis;
  readonly #deps: AuthorityDeps;

  constructor(state: State, genesis: Genesis, deps: AuthorityDeps) {
    this.#state = state;
    this.#genesis = genesis;
    this.#deps = deps;
  }

  apply(entry: AppliedEntry, nextLeaf: LeafIndex): Applied {
    switch (this.#state.version) {
      case 1:
        return this.#applyV1(entry, nextLeaf);
      default:
        // Restoring and raising both refuse versions that are not listed here.
        throw new Error(`state machine version ${this.#state.version} is not implemented`);
    }
  }

  #applyV1(entry: AppliedEntry, nextLeaf: LeafIndex): Applied {
    const state = this.#state;
    const decoded = entry.configuration === undefined ? decodeCommand(entry.payload) : null;
    // Before anything else: also time alone changes the state below.
    const before = decoded !== null && recordsDigest(decoded) ? this.snapshot() : null;
    const turn = new Turn(state, this.#genesis, this.#deps, entry, sha256(entry.payload), nextLeaf);
    closeMinute(turn);
    expireAudits(turn);
    const kind = decoded === null ? configured(turn, entry) : this.#command(turn, decoded, before, nextLeaf);
    return {
      leaves: turn.leaves,
      bodies: turn.bodies,
      boundary: this.#boundary(turn, kind),
      events: turn.events,
      ...(before === null ? {} : { before }),
    };
  }

  /** @returns what decides about the boundary */
  #command(
    turn: Turn,
    decoded: DecodedCommand,
    state: Uint8Array | null,
    size: LeafIndex,
  ): 'bulk' | 'checkpoint' | 'other' {
    const { commands } = turn.state;
    const before = turn.leaves.length;
    if (!decoded.ok) {
      refuseUnreadable(turn, decoded.unreadable);
      return 'other';
    }
    const { node, nonce, command, happened } = decoded.envelope;
    turn.node = node;
    turn.delay = happened === undefined ? {} : { delayed: true, happened: { ...happened } };
    const again = this.#recordedBefore(turn, decoded.envelope);
    const outcome = again === undefined ? this.#dispatch(turn, command, state, size) : accept(again);
    if (outcome.ok) {
      if (again === undefined) {
        commands.remember(turn.digest, outcome.leaf);
        if (isDelayable(command.kind)) putOnRecord(turn.state, node, nonce);
      }
      turn.events.push({ kind: 'accepted', nonce, leaf: outcome.leaf });
    } else {
      turn.record('refused', { command: nameOf(command), reason: outcome.reason, detail: outcome.detail });
      turn.events.push({ kind: 'refused', nonce, reason: outcome.reason, detail: outcome.detail });
      return 'other';
    }
    if (command.kind === 'checkpoint') return 'checkpoint';
    return command.kind === 'labAppend' && before === 0 ? 'bulk' : 'other';
  }

  #dispatch(turn: Turn, command: Command, state: Uint8Array | null, size: LeafIndex): CommandOutcome {
    if (command.kind !== 'stateDigest' || state === null) return dispatch(turn, command);
    return isMember(turn) ? stateDigest(turn, state, size) : refuse('NODE_UNKNOWN');
  }

  /**
   * What the same command led to before; undefined if it is new. A restriction or fault that waited long may come twice, in
   * its prompt and in its delayed form: it is known by its nonce, whatever else was forgotten meanwhile.
   */
  #recordedBefore(turn: Turn, { node, nonce, command }: CommandEnvelope): LeafIndex | null | undefined {
    const again = turn.state.commands.leafOf(turn.digest);
    if (again !== undefined) return again;
    return isDelayable(command.kind) && isOnRecord(turn.state, node, nonce) ? null : undefined;
  }

  #boundary(turn: Turn, kind: 'bulk' | 'checkpoint' | 'other'): boolean {
    const state = this.#state;
    state.uncovered += turn.leaves.length;
    if (state.uncovered === 0) return false;
    const due =
      kind === 'bulk'
        ? turn.leaves.length > 0 && turn.time - state.lastBoundary >= LAB_BOUNDARY_INTERVAL
        : kind === 'checkpoint' || turn.leaves.length > 0;
    if (!due) return false;
    state.uncovered = 0;
    state.lastBoundary = turn.time;
    return true;
  }

  snapshot(): Uint8Array {
    return encodeState(this.#state, this.#genesis.clusterId);
  }

  policy(): State['policy'] {
    return this.#state.policy;
  }

  policyFor(device: Device): ReturnType<Authority['policyFor']> {
    return policyFor(this.#state.policy, device);
  }

  leap(): ReturnType<Authority['leap']> {
    return this.#state.leap;
  }

  devices(): readonly Device[] {
    return Array.from(this.#state.devices.values(), ({ device }) => device);
  }

  device(id: string): Device | undefined {
    return this.#state.devices.get(id)?.device;
  }

  deviceByIdentity(identity: string): Device | undefined {
    const id = this.#state.identities.get(identity);
    return id === undefined ? undefined : this.device(id);
  }

  pending(node: string): readonly Audit[] {
    return pendingOf(this.#state, (audit) => audit.node === node);
  }

  nextDeadline(): State['nextDeadline'] {
    return this.#state.nextDeadline;
  }

  audit(device: string, sequence: number): Audit | undefined {
    return findAudit(this.#state, device, sequence);
  }

  auditOfRequest(device: string, session: Uint8Array, request: number): Audit | undefined {
    return auditOfRequest(this.#state, device, session, request);
  }

  uncovered(): number {
    return this.#state.uncovered;
  }

  judge(facts: MeasurementFacts): Judgement | null {
    const entry = this.#state.devices.get(facts.device);
    return entry === undefined ? null : judgeFor(this.#state, entry, facts);
  }

  toBeSigned(audit: Audit): Uint8Array | null {
    const content = this.#content(audit);
    const certificate = this.#issuingCertificate(audit);
    return content === null || certificate === null
      ? null
      : this.#deps.statements.toBeSigned(content, certificate);
  }

  assemble(audit: Audit, signature: Uint8Array): Uint8Array {
    const content = this.#content(audit);
    const certificate = this.#issuingCertificate(audit);
    if (content === null || certificate === null) {
      throw new Error(`audit ${audit.sequence} of ${audit.device} makes no statement; it is to be voided`);
    }
    return this.#deps.statements.assemble(content, certificate, signature);
  }

  certificate(audit: Audit): Uint8Array | null {
    return findAudit(this.#state, audit.device, audit.sequence)?.certificate ?? null;
  }

  stateMachineVersion(): number {
    return this.#state.version;
  }

  membership(): MembershipView {
    return viewOf(this.#state.members);
  }

  member(id: string): ReturnType<Authority['member']> {
    return everMember(this.#state, id);
  }

  checkpointPolicy(size: number): CheckpointPolicy {
    return policyAt(this.#state.members, size);
  }

  membershipSteps(size: number): readonly MembershipStep[] {
    return stepsAt(this.#state.members, size);
  }

  #content(audit: Audit): Uint8Array | null {
    const context = statementContext(this.#state, this.#genesis, audit);
    return context === null ? null : contentOf(audit, context, this.#deps.statements);
  }

  #issuingCertificate(audit: Audit): Uint8Array | null {
    return memberInForce(this.#state, audit.node)?.issuingCertificate ?? null;
  }
}

const isMember = ({ state, node }: Turn): boolean => knownMember(state, node) !== undefined;

function configured(turn: Turn, { index, payload, configuration }: AppliedEntry): 'other' {
  if (configuration !== undefined) applyConfiguration(turn, index, payload, configuration);
  return 'other';
}

const recordsDigest = (decoded: DecodedCommand): boolean =>
  decoded.ok && decoded.envelope.command.kind === 'stateDigest';

function dispatch(turn: Turn, command: Command): CommandOutcome {
  if (!isMember(turn)) return refuse('NODE_UNKNOWN');
  switch (command.kind) {
    case 'signed':
      return applySigned(turn, command);
    case 'measure':
      return applyMeasure(turn, command);
    case 'confirm':
      return applyConfirm(turn, command);
    case 'issue':
      return applyIssue(turn, command);
    case 'void':
      return applyVoid(turn, command);
    case 'sessionOpen':
      return openSession(turn, command);
    case 'sessionClose':
      return closeSession(turn, command);
    case 'stopAcknowledged':
      return acknowledgeStop(turn, command);
    case 'clockTransition':
      return clockTransition(turn, command);
    case 'clockComparison':
      return clockComparison(turn, command);
    case 'clockAnomaly':
      return clockAnomaly(turn, command);
    case 'leapCheck':
      return leapCheck(turn, command);
    case 'accessDenied':
      return applyDenied(turn, command);
    case 'nodeStarted':
      return nodeStarted(turn, command);
    case 'nodeStopping':
      return nodeStopping(turn, command);
    case 'diverged':
      return diverged(turn, command);
    case 'forkEvidence':
      return forkEvidence(turn, command);
    case 'membershipAttested':
      return attestMembership(turn, command);
    case 'checkpoint':
    case 'stateDigest': // the state was taken before: see #dispatch
      return accept(null);
    case 'labAppend':
      return labAppend(turn, command);
  }
}

const nameOf = (command: Command): string => command.kind;

function refuseUnreadable(turn: Turn, { node, nonce, kind, error }: UnreadableCommand): void {
  const refusal = refuse(
    'MALFORMED',
    `the command cannot be read: ${error.code} at ${printable(error.where)}`,
  );
  turn.node = printable(node);
  turn.record('refused', { command: kind, reason: refusal.reason, detail: refusal.detail });
  turn.events.push({ kind: 'refused', nonce, reason: refusal.reason, detail: refusal.detail });
}

/** Names out of an unreadable payload, cut down to what is harmless wherever it is shown. */
const printable = (text: string): string => text.slice(0, 100).replace(/[^\x21-\x7e]/g, '?');
