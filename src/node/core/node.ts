/**
 * One whole node, composed from the rooms on an Environment. Everything that happens in it is a reaction to an applied
 * entry, a message, a timer or a reading of its clock; the same code runs in production and in the simulator.
 *
 *   consensus ──entries──► replica ──records──► tree ──boundaries──► publication ──published──► outcomes
 *       ▲                     └──events──► issuance, sessions, proposals
 *       └──commands── testimony (measurements, clock, sessions), signed commands of people
 */

import { Ledger } from '../../audit/ledger.js';
import type { LedgerImage, LedgerOrigin } from '../../audit/storage.js';
import type { TreeHead } from '../../audit/types.js';
import type { Authority, AuthorityEvent } from '../../authority/api.js';
import type { StatementCodec } from '../../authority/statements.js';
import { birthAuthority, restoreAuthority } from '../../authority/authority.js';
import { SUPPORTED_VERSION } from '../../authority/state.js';
import { clockReason } from '../../authority/verdict.js';
import { ROUNDS_TO_CONFIRM } from '../../authority/issuance.js';
import type { Audit, Device, MeasurementFacts } from '../../authority/model.js';
import { createRaft } from '../../raft/driver.js';
import { incarnationOf } from '../../raft/membership.js';
import type { Raft, RaftLimits, TimingProfile } from '../../raft/driver-api.js';
import { DEFAULT_LIMITS } from '../../raft/timing.js';
import type { Entry } from '../../raft/types.js';
import type { LogBase } from '../../raft/storage.js';
import { logIndex, nodeId, term } from '../../raft/types.js';
import type { SessionPeer, SignedCommandSubmission } from '../../rpc/doors.js';
import { builtinLeapTable } from '../../time/leap-table.js';
import type { ClockReading, DurNs } from '../../time/types.js';
import { durNs, NS_PER_MS, NS_PER_S } from '../../time/types.js';
import type { Genesis } from '../../verify/genesis.js';
import type { OutcomeMessage, Refusal, SessionResponse } from '../../wire/messages.js';
import type { Environment, SuspectLog } from '../environment.js';
import { admission, clockRefusal, leapRefusal } from './admission.js';
import type { AdmittedCaller } from './admission.js';
import { AuditSession } from './audit-session.js';
import type { SessionContext, SessionKey } from './audit-session.js';
import { CatchUp, DIGEST_PACE, type DigestPace } from './catch-up.js';
import { ClockWatch } from './clock-watch.js';
import { ClusterTime, decodeClockWord, encodeClockWord } from './cluster-time.js';
import { Issuance } from './issuance.js';
import { Outcomes } from './outcomes.js';
import { knownMembership } from './born-membership.js';
import { knownMembers, MemberEmptiedError, MembersKeeper, policyAfter } from './members.js';
import { raftTransport } from './peer-messages.js';
import type { CommandResult } from './proposals.js';
import { Proposals } from './proposals.js';
import { Publication, type PublicationMembers } from './publication.js';
import { Receipts } from './receipts.js';
import { LEDGER_SYNC_INTERVAL, Replica } from './replica.js';
import { settledStorage, type SettledStorage } from './settled-storage.js';
import type { LogRepairDeps } from './log-repair.js';
import type { ProvenSnapshot } from './snapshot-pull.js';
import { Spool, recordable } from './spool.js';
import { Testimony } from './testimony.js';

/** Clock words, cosigner repetitions, images, issuance: what must go on even when nothing arrives. */
const TICK = durNs(100n * NS_PER_MS);
/** A clock word is repeated this often: peers keep it for five seconds. A change of state is told at once. */
const CLOCK_WORD_INTERVAL = durNs(500n * NS_PER_MS);
/** Records that no boundary covers yet, and audits whose deadline has passed, get an entry after this long. */
const CHECKPOINT_AFTER = NS_PER_S;

const LEAP_TABLE_NOT_APPROVED: Refusal = {
  reason: 'LEAP_TABLE_NOT_APPROVED',
  detail: 'the leap-second table of this node is not the approved one',
};

/** A snapshot is being installed: a moment during which nothing can be asked of this node. */
const INSTALLING: Refusal = {
  reason: 'SHUTTING_DOWN',
  detail: 'the node installs a snapshot to catch up; connect to another',
};

const SUSPECT: Refusal = {
  reason: 'LOG_SUSPECT',
  detail: 'the log of this node is damaged; it takes no part until it is repaired or replaced',
};

const SHUTTING_DOWN: Refusal = {
  reason: 'SHUTTING_DOWN',
  detail: 'the node is stopping; connect to another',
};

/**
 * What an observer may watch. The simulator checks its invariants here; tests that bring a bug back replace a part.
 * Nothing that ships passes any of these but `fatal`.
 */
export interface NodeCoreHooks {
  readonly applied?: (entry: Entry) => void;
  readonly boundary?: (head: TreeHead) => void;
  readonly event?: (event: AuthorityEvent, entry: Entry) => void;
  readonly role?: (role: string, term: number) => void;
  /** A step of the pipeline is about to be made by this node. */
  readonly step?: (kind: string, audit: Audit) => void;
  readonly published?: (size: number) => void;
  /** This node was taken out of the cluster: what is left to do is to stop. */
  readonly removed?: (detail: string) => void;
  readonly fatal: (error: Error) => void;
}

/** Durations that metrics are made of. */
export interface Observer {
  /** A synced write of the consensus log. */
  readonly synced: (duration: DurNs) => void;
  /** A command of this node, from its submission until applied here. */
  readonly committed: (duration: DurNs) => void;
  /** From the first probe until certificate and receipt were handed to the session. */
  readonly certified: (duration: DurNs) => void;
}

export interface NodeCoreOptions {
  readonly environment: Environment;
  readonly genesis: Genesis;
  readonly node: string;
  /** Of the data directory; 16 bytes. */
  readonly incarnation: Uint8Array;
  readonly timing: TimingProfile;
  /** Seeds the election jitter. */
  readonly seed: number;
  readonly version: string;
  readonly statements: StatementCodec;
  readonly limits?: RaftLimits;
  /** How often the ledger is made durable. */
  readonly ledgerSync?: DurNs;
  /** How often the digest of the replicated state becomes a record. */
  readonly digestPace?: DigestPace;
  /** Bytes a second that are pulled from peers to catch up. */
  readonly pullRate?: number;
  readonly observer?: Observer;
  readonly hooks: NodeCoreHooks;
}

export interface SessionCaller extends SessionKey {
  readonly identity: string;
  readonly address: string;
}

export class NodeCore {
  readonly options: NodeCoreOptions;
  readonly run: Uint8Array;
  readonly #env: Environment;
  readonly #storage: SettledStorage;
  readonly #spool: Spool;
  readonly #clusterTime: ClusterTime;
  readonly #sessions = new Set<AuditSession>();
  readonly #growth = new Set<(size: number) => void>();
  /** Audits of this node by outcome, since the process started. */
  readonly outcomeCounts = { certified: 0, failed: 0, inconclusive: 0, voided: 0 };
  #parts: Parts | null = null;
  #stopping = false;
  /** Asked to stop while its parts were being made anew. */
  #stopWhenComposed: (() => void) | null = null;
  #composing = false;
  #ledgerSynced = 0;
  #suspect: SuspectLog | null;
  /** The record of this process's start was proposed. */
  #announced = false;
  #cancelTick: () => void = () => undefined;
  #entryOwedSince: bigint | null = null;
  /** The last clock word that was sent. */
  #said: Pick<ClockReading, 'state' | 'mono'> | null = null;
  /** By reason, what was found and what to do. */
  readonly #impairments = new Map<string, string>();
  /** Null in the simulator, whose clocks know no leap seconds. */
  #leapTable: string | null = null;
  #leapTableTold = false;

  constructor(options: NodeCoreOptions) {
    this.options = options;
    this.#storage = settledStorage(options.environment.storage);
    this.#suspect = options.environment.storage.suspect ?? null;
    this.#env = { ...options.environment, storage: this.#storage };
    this.run = this.#env.random(16);
    this.#clusterTime = new ClusterTime(this.#env.clockReading);
    this.#spool = this.#openSpool();
  }

  /** It outlives the parts: what waits in it is about this node, not about one of its states. */
  #openSpool(): Spool {
    const env = this.#env;
    return new Spool({
      node: this.options.node,
      store: env.storage.spool,
      mono: env.mono,
      random: env.random,
      happened: () => {
        const { earliest, latest } = env.clockReading();
        return { earliest: recordable(earliest), latest: recordable(latest) };
      },
      hasLeader: () => this.#parts !== null && !this.#composing && this.#parts.raft.status().leader !== null,
      submit: (nonce, payload, patience, done) => {
        if (this.#parts === null) done({ status: 'unknown', leader: null });
        else this.#parts.proposals.submit(nonce, payload, patience, done);
      },
      failed: (error) => {
        const message = `${error.message}; records of restrictions are lost if this process ends before they are committed`;
        env.notifier.notify({ severity: 'alarm', code: 'SPOOL_FAILED', message });
      },
    });
  }

  /** Loads the ledger's image, then consensus; `ready` runs when this node takes part. */
  start(ready: () => void): void {
    const { ledger } = this.#storage;
    this.#composing = true;
    if (this.#parts === null) this.#spool.load();
    ledger.loadOrigin((unreadable, origin) => {
      ledger.loadImage((error, image) => {
        if (error !== null || unreadable !== null) {
          this.options.hooks.fatal(error ?? (unreadable as Error));
          return;
        }
        this.#compose(image ?? null, origin ?? null, ready);
      });
    });
  }

  get authority(): Authority {
    return this.#running.authority;
  }

  get ledger(): Ledger {
    return this.#running.ledger;
  }

  get raft(): Raft {
    return this.#running.raft;
  }

  get catchUp(): CatchUp {
    return this.#running.catchUp;
  }

  get publication(): Publication {
    return this.#running.publication;
  }

  get receipts(): Receipts {
    return this.#running.receipts;
  }

  get testimony(): Testimony {
    return this.#running.testimony;
  }

  /** As the applied state says; empty while this node does not find itself among the members. */
  get site(): string {
    return this.authority.member(this.options.node)?.site ?? '';
  }

  get members(): MembersKeeper {
    return this.#running.members;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Cluster time of the last applied entry; 0n before the first stamp. */
  get clusterTimeNow(): bigint {
    return this.#running.replica.appliedTime;
  }

  /** Reasons of the closed list for which this node does less than it should. */
  impairments(): readonly string[] {
    const leap = this.#parts !== null && this.#leapTableDiffers() ? [LEAP_TABLE_NOT_APPROVED.reason] : [];
    return [...this.#impairments.keys(), ...leap].sort();
  }

  /** What was found and what to do about it, a sentence an impairment that has one. */
  impairmentDetails(): readonly string[] {
    return [...this.#impairments].sort().map(([reason, detail]) => `${reason}: ${detail}`);
  }

  /** Why this node does not serve now; empty when it does. */
  unready(): readonly string[] {
    if (this.#stopping) return ['SHUTTING_DOWN'];
    const reasons = [...this.impairments(), ...this.#running.members.unready()];
    if (this.#running.raft.status().leader === null) reasons.push('NO_QUORUM');
    return reasons;
  }

  /** Asked at the start of every call; null admits. */
  admission(caller: AdmittedCaller): Refusal | null {
    return admission(this.authority, caller);
  }

  isConnected(device: string): boolean {
    for (const session of this.#sessions) if (session.live && session.device === device) return true;
    return false;
  }

  /** Quorum is there as far as this node can tell: it leads and is followed, or hears a leader. */
  certified(): boolean {
    const status = this.#running.raft.status();
    return status.leader !== null && !this.#impairments.has('LEDGER_DIVERGED');
  }

  onGrowth(listener: (size: number) => void): () => void {
    this.#growth.add(listener);
    return () => this.#growth.delete(listener);
  }

  /** A client's session. The caller has been authenticated; whether it is registered is judged here. */
  openSession(
    caller: SessionCaller,
    send: (message: SessionResponse) => boolean,
    end: (reason: Refusal | null) => void,
  ): SessionPeer {
    const refused = this.#unable() ?? this.admission({ ...caller, role: 'client' });
    const device = this.authority.deviceByIdentity(caller.identity);
    if (refused !== null || device === undefined) {
      end(refused);
      return { receive: () => undefined, closed: () => undefined };
    }
    const ended = (reason: string): void => {
      if (!this.#sessions.delete(session) || session.openedAs === null) return;
      this.testimony.sessionClose(device.id, session.openedAs, reason);
    };
    const session: AuditSession = new AuditSession(
      this.#sessionContext(caller),
      device,
      caller,
      send,
      (reason) => {
        ended(reason?.reason ?? 'ENDED_BY_NODE');
        end(reason);
      },
    );
    this.#sessions.add(session);
    return {
      receive: (message) => session.receive(message),
      closed: () => {
        ended('ENDED_BY_CLIENT');
        session.closed();
      },
    };
  }

  /** Commits a person's signed command; `done` once, when applied here, refused, or given up. */
  submitSigned(command: SignedCommandSubmission, done: (result: CommandResult) => void): void {
    this.testimony.signed(command, done);
  }

  /** The clock has a new sample or has heard its peers: what waited to be confirmed goes on at once. */
  clockLooked(): void {
    this.#parts?.issuance.advance();
  }

  /** Check word of the list that this node's clock uses; told by the host at start and at every change. */
  useLeapTable(hash: string): void {
    this.#leapTable = hash;
  }

  /** Hands leadership over, ends sessions, writes the last image. */
  stop(done: () => void): void {
    if (this.#stopping) return;
    if (this.#composing) {
      this.#stopWhenComposed = done;
      return;
    }
    this.#stopping = true;
    for (const session of [...this.#sessions]) session.goAway(SHUTTING_DOWN);
    const { raft, replica, proposals, testimony } = this.#running;
    const end = (): void => {
      this.#halt();
      proposals.stop();
      replica.close(() => done());
    };
    if (this.#suspect === null) testimony.nodeStopping(() => raft.transferLeadership(null, end));
    else end();
  }

  /** From here on the parts ask nothing of the disk and say nothing to anybody. */
  #halt(): void {
    const { raft, publication, catchUp } = this.#running;
    this.#cancelTick();
    catchUp.stop();
    publication.stop();
    raft.stop();
  }

  /**
   * A snapshot takes the place of what this node had applied. A crash before its write is durable leaves the node as it
   * was; after it, the next start begins the log behind it (`installed` of src/raft/driver-api.ts).
   */
  #install(snapshot: ProvenSnapshot): void {
    const { catchUp, proposals } = this.#running;
    this.#composing = true;
    this.#halt();
    proposals.stop();
    for (const session of [...this.#sessions]) session.goAway(INSTALLING);
    this.#storage.whenSettled(() => {
      catchUp.write(snapshot, (error) => {
        if (error !== null) this.options.hooks.fatal(error);
        else this.start(() => undefined);
      });
    });
  }

  get #running(): Parts {
    if (this.#parts === null) throw new Error('the node has not started');
    return this.#parts;
  }

  #compose(image: LedgerImage | null, origin: LedgerOrigin | null, ready: () => void): void {
    const env = this.#env;
    const { genesis, node, statements } = this.options;
    const ledger = Ledger.restore(image, env.storage.ledger);
    const deps = { verifier: env.verifier, statements };
    const born = image === null ? birthAuthority(genesis, deps) : null;
    for (const leaf of born?.leaves ?? []) ledger.append(leaf);
    const authority = born?.authority ?? restoreAuthority((image as LedgerImage).state, genesis, deps);
    const raft = this.#createRaft(authority, image?.appliedIndex ?? 0, origin);
    const proposals = new Proposals(raft, env.timers, env.mono, (duration) =>
      this.options.observer?.committed(duration),
    );
    const testimony = new Testimony(node, this.run, env.random, proposals, this.#spool);
    const membersView: PublicationMembers = {
      policyAt: (size) => authority.checkpointPolicy(size),
      names: () => knownMembers(authority.membership()).map(({ id }) => id),
    };
    const publication: Publication = new Publication(
      env,
      membersView,
      node,
      ledger,
      () => authority.policy().taaStop,
      {
        published: (size, note) => {
          replica.keepCheckpoint(size, note);
          this.options.hooks.published?.(size);
          outcomes.advance();
        },
        diverged: (detail) => this.#impaired('LEDGER_DIVERGED', detail),
        fork: (peer, evidence) => testimony.forkEvidence(peer, evidence),
        complete: () => catchUp.ledgerComplete,
        fatal: this.options.hooks.fatal,
      },
    );
    const receipts = new Receipts(authority, ledger, publication);
    const outcomes = new Outcomes(
      {
        current: (audit) => authority.audit(audit.device, audit.sequence),
        publishedSize: () => publication.publishedSize,
        receipt: (audit, done) => {
          this.options.hooks.step?.('deliver', audit);
          receipts.of(audit, (_error, receipt) => done(receipt ?? null));
        },
      },
      node,
    );
    const issuance = new Issuance(env, authority, node, this.run, testimony, {
      step: (kind, audit) => this.options.hooks.step?.(kind, audit),
      mayIssue: (reading) => reading.leap !== 'doubtful' && !this.#leapTableDiffers(),
    });
    const replica = new Replica(
      authority,
      ledger,
      env.storage.ledger,
      env.mono,
      { appliedIndex: image?.appliedIndex ?? 0, appliedTime: image?.appliedTime ?? 0n },
      this.options.ledgerSync ?? LEDGER_SYNC_INTERVAL,
      {
        boundary: (head) => {
          this.options.hooks.boundary?.(head);
          publication.boundary(head);
        },
        event: (event, entry) => this.#eventApplied(event, entry),
        grown: (size) => {
          for (const listener of this.#growth) listener(size);
        },
        recorded: (state) => catchUp.recorded(state),
        synced: (appliedIndex) => {
          this.#ledgerSynced = appliedIndex;
          raft.ledgerPosition(logIndex(appliedIndex), catchUp.ledgerComplete);
        },
        fatal: this.options.hooks.fatal,
      },
    );
    const catchUp: CatchUp = new CatchUp({
      environment: env,
      store: env.storage.ledger,
      ledger,
      origin,
      begun: image !== null,
      pace: this.options.digestPace ?? DIGEST_PACE,
      rate: this.options.pullRate,
      peers: () => membersView.names().filter((id) => id !== node),
      policyAfter: (steps) => policyAfter(genesis, steps, env.verifier),
      members: (size) => authority.membershipSteps(size),
      newest: () => publication.newest(),
      appliedIndex: () => replica.appliedIndex,
      log: () => raft.status(),
      readLog: (from, to, maxBytes, done) => env.storage.log.read(from, to, maxBytes, done),
      repair: this.#repairDeps(origin),
      proposeDigest: () => testimony.stateDigest(),
      install: (snapshot) => this.#install(snapshot),
      completed: () => raft.ledgerPosition(logIndex(this.#ledgerSynced), true),
      diverged: (detail) => this.#impaired('LEDGER_DIVERGED', detail),
      fatal: this.options.hooks.fatal,
    });
    const clockWatch = new ClockWatch(testimony, env.notifier);
    const members = new MembersKeeper(
      {
        node,
        mono: env.mono,
        network: env.transport,
        notifier: env.notifier,
        newest: () => publication.newest(),
        removed: (detail) => this.options.hooks.removed?.(detail),
        emptied: (detail) => this.options.hooks.fatal(new MemberEmptiedError(detail)),
      },
      authority,
      raft,
      testimony,
    );
    this.#parts = {
      catchUp,
      members,
      authority,
      ledger,
      raft,
      proposals,
      testimony,
      publication,
      receipts,
      outcomes,
      issuance,
      replica,
      clockWatch,
    };
    publication.start(ledger.size - authority.uncovered(), () => {
      const suspect = this.#suspect;
      if (suspect !== null) {
        // Up for inspection: it says what is wrong, and neither votes, nor stands, nor acknowledges, nor signs.
        publication.stop();
        env.transport.onMessage((from, kind, bytes) => {
          if (kind === 'snapshot') this.#parts?.catchUp.receive(from, bytes);
        });
        this.#note(SUSPECT.reason, suspect.message);
        this.#composed(ready);
        return;
      }
      raft.start(() => {
        if (!this.#announced) testimony.nodeStarted(this.options.version, SUPPORTED_VERSION);
        this.#announced = true;
        members.start();
        this.#composed(ready);
      });
    });
  }

  #composed(ready: () => void): void {
    this.catchUp.start();
    this.#tick();
    ready();
    this.#composing = false;
    const stop = this.#stopWhenComposed;
    if (stop !== null) this.stop(stop);
  }

  #repairDeps(origin: LedgerOrigin | null): LogRepairDeps | null {
    const repair = this.#suspect?.repair ?? null;
    if (repair === null) return null;
    const { fatal } = this.options.hooks;
    return {
      until: repair.until,
      store: this.#storage.log,
      installed: origin === null ? null : baseOf(origin),
      repaired: () =>
        repair.finish((error) => {
          if (error === null) this.#repaired();
          else fatal(error);
        }),
      fatal,
    };
  }

  /** The log is whole again: the node begins a new life, in which it takes part. */
  #repaired(): void {
    this.#suspect = null;
    this.#impairments.delete(SUSPECT.reason);
    this.#env.notifier.notify({
      severity: 'info',
      code: 'LOG_REPAIRED',
      message: 'the damaged part of the log was fetched again; this node takes part again',
    });
    this.#composing = true;
    this.#halt();
    this.#running.proposals.stop();
    this.#storage.whenSettled(() => this.start(() => undefined));
  }

  #createRaft(authority: Authority, appliedIndex: number, origin: LedgerOrigin | null): Raft {
    const env = this.#env;
    const { genesis, node, incarnation, timing, seed, hooks } = this.options;
    return createRaft({
      id: nodeId(node),
      clusterId: genesis.clusterId,
      incarnation: incarnationOf(incarnation),
      membership: knownMembership(authority.membership(), genesis, appliedIndex),
      store: env.storage.log,
      transport: raftTransport(env.transport, {
        checkpoint: (from, bytes) => this.#parts?.publication.receive(from, bytes),
        clock: (from, bytes) => this.#heard(from, bytes),
        snapshot: (from, bytes) => this.#parts?.catchUp.receive(from, bytes),
      }),
      timers: env.timers,
      mono: env.mono,
      seed,
      timing,
      limits: this.options.limits ?? DEFAULT_LIMITS,
      appliedIndex: logIndex(appliedIndex),
      installed: origin === null ? null : baseOf(origin),
      learnerReady: () => this.#parts?.catchUp.ledgerComplete ?? false,
      stamp: (previous) => this.#clusterTime.stamp(previous),
      apply: (entries) => this.#apply(entries),
      mayLead: () =>
        !this.#stopping && !this.#impairments.has('LEDGER_DIVERGED') && this.#parts?.catchUp.behind === false,
      onEvent: (event) => {
        if (event.kind === 'role') hooks.role?.(event.role, event.term);
        if (event.kind === 'snapshotNeeded') this.#parts?.catchUp.needed(event.firstIndex);
        if (event.kind === 'persisted') this.options.observer?.synced(durNs(event.durationNs));
      },
      onFatal: hooks.fatal,
    });
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) this.options.hooks.applied?.(entry);
    this.#running.replica.apply(entries);
    const last = entries.at(-1);
    if (last !== undefined) this.#clusterTime.observed(last.time, this.#env.mono());
    this.#advance();
  }

  #eventApplied(event: AuthorityEvent, entry: Entry): void {
    this.options.hooks.event?.(event, entry);
    this.#running.proposals.applied(event, entry.index);
    this.#count(event);
    if (event.kind === 'membershipChanged') this.#running.members.changed();
    if (event.kind === 'membershipAnomaly') {
      this.#env.notifier.notify({ severity: 'alarm', code: 'MEMBERSHIP_ANOMALY', message: event.detail });
    }
    if (event.kind === 'clockReleased' && event.node === this.options.node)
      this.#env.releaseClock(event.what, event.leaf);
    for (const session of this.#sessions) session.applied(event);
  }

  #count(event: AuthorityEvent): void {
    if (!('audit' in event) || event.audit.node !== this.options.node) return;
    const { outcome } = event.audit;
    if (outcome !== null) this.outcomeCounts[outcome.kind] += 1;
  }

  /** After anything that may have made a next step possible. */
  #advance(): void {
    this.#running.outcomes.advance();
    this.#running.issuance.advance();
    this.#running.members.advance();
  }

  #tick(): void {
    const { replica, publication, clockWatch, catchUp, raft } = this.#running;
    const reading = this.#env.clockReading();
    clockWatch.look(reading);
    this.#watchLeapTable();
    this.#sayTheTime(reading);
    publication.tick();
    replica.tick();
    catchUp.tick(raft.status().role === 'leader');
    this.#proposeOwedEntry(reading);
    this.#spool.drain();
    this.#advance();
    this.#cancelTick = this.#env.timers.after(TICK, () => this.#tick());
  }

  /**
   * A log in which nothing happens still owes two things: records that no boundary follows by itself (bulk appends that
   * stopped) are to be covered, and an audit whose deadline has passed gets its outcome from the next entry, also when the
   * node that measured it is gone. A command without a record of its own brings both.
   */
  #proposeOwedEntry(reading: ClockReading): void {
    const { authority, raft, testimony } = this.#running;
    const deadline = authority.nextDeadline();
    // The stamp of the entry will be no earlier than what is certain now.
    const overdue = deadline !== null && clockReason(reading.state) === null && reading.earliest >= deadline;
    if ((authority.uncovered() === 0 && !overdue) || raft.status().role !== 'leader') {
      this.#entryOwedSince = null;
      return;
    }
    const now = this.#env.mono();
    if (this.#entryOwedSince === null) this.#entryOwedSince = now;
    else if (now - this.#entryOwedSince >= CHECKPOINT_AFTER) {
      this.#entryOwedSince = null;
      testimony.checkpoint();
    }
  }

  #sayTheTime(reading: ClockReading): void {
    const { state, mono } = reading;
    if (state === this.#said?.state && mono - this.#said.mono < CLOCK_WORD_INTERVAL) return;
    this.#said = { state, mono };
    const word = encodeClockWord(reading);
    for (const { id } of knownMembers(this.authority.membership())) {
      if (id !== this.options.node) this.#env.transport.send(id, 'control', 'clock', word);
    }
  }

  #heard(from: string, bytes: Uint8Array): void {
    const word = decodeClockWord(bytes);
    if (word !== null) this.#clusterTime.heard(from, word, this.#env.mono());
  }

  #sessionContext({ address }: SessionCaller): SessionContext {
    const env = this.#env;
    const { authority, testimony, outcomes, issuance } = this.#running;
    return {
      cluster: this.options.genesis.clusterId,
      node: this.options.node,
      site: this.site,
      run: this.run,
      mono: env.mono,
      timers: env.timers,
      random: env.random,
      clockReading: env.clockReading,
      verifier: env.verifier,
      mayMeasure: (reading) => this.#mayMeasure(reading),
      certified: () => this.certified(),
      delivered: (duration) => this.options.observer?.certified(duration),
      device: (id) => authority.device(id),
      auditOfRequest: (device, session, request) => authority.auditOfRequest(device, session, request),
      policyMessage: (device: Device) => authority.policyFor(device),
      openSession: (device, session, software, done) =>
        testimony.sessionOpen(device.id, session, software, address, done),
      measured: () => {
        if (authority.policy().confirmBy === 'peers') env.requestPeerRounds(ROUNDS_TO_CONFIRM);
      },
      measure: (facts: MeasurementFacts, done) => testimony.measure(facts, done),
      acknowledgeStop: (device, order, statement, signature, done) =>
        testimony.stopAcknowledged(device.id, order, statement, signature, done),
      foresee: (facts): OutcomeMessage | null => issuance.foresee(facts),
      outcome: (audit, request, done) => outcomes.tell(audit, request, done),
    };
  }

  #mayMeasure(reading: ClockReading): Refusal | null {
    const unable = this.#unable();
    if (unable !== null) return unable;
    if (this.#impairments.has('LEDGER_DIVERGED')) {
      return { reason: 'LEDGER_DIVERGED', detail: 'this node only stands for inspection' };
    }
    const [notAMember] = this.#running.members.unready();
    if (notAMember !== undefined) {
      return { reason: notAMember, detail: 'this node is not a member in force; connect to another' };
    }
    if (this.#leapTableDiffers()) return LEAP_TABLE_NOT_APPROVED;
    const refused = clockRefusal(reading, this.authority.policy().taaStop);
    return refused ?? leapRefusal(reading, reading.leap === 'infoStale' ? this.#longestLease() : 0n);
  }

  /** Of any device: what is measured now may permit issuing for that long. */
  #longestLease(): bigint {
    const { authority } = this;
    return authority.devices().reduce((longest: bigint, device) => {
      const { lease } = authority.policyFor(device);
      return lease > longest ? lease : longest;
    }, 0n);
  }

  /** Before the first approval the approved table is the one that the program was built with. */
  #leapTableDiffers(): boolean {
    const approved = this.authority.leap().table?.hash ?? builtinLeapTable.hash;
    return this.#leapTable !== null && this.#leapTable !== approved;
  }

  #watchLeapTable(): void {
    const differs = this.#leapTableDiffers();
    if (differs === this.#leapTableTold) return;
    this.#leapTableTold = differs;
    if (!differs) return;
    const approved = this.authority.leap().table;
    const message =
      `this node's leap-seconds.list has the check word ${this.#leapTable ?? ''}, approved is ` +
      `${approved === null ? 'none but the built-in one' : `${approved.hash} (${approved.source})`}; ` +
      'it neither measures nor issues: install the approved list here, or approve this one';
    this.#env.notifier.notify({ severity: 'alarm', code: LEAP_TABLE_NOT_APPROVED.reason, message });
    this.testimony.clockAnomaly('leapTableNotApproved', '', message);
  }

  #impaired(reason: string, detail: string): void {
    if (this.#note(reason, detail)) this.testimony.diverged(detail);
  }

  /** @returns whether it is news */
  #note(reason: string, detail: string): boolean {
    if (this.#impairments.has(reason)) return false;
    this.#impairments.set(reason, detail);
    this.#env.notifier.notify({ severity: 'alarm', code: reason, message: detail });
    return true;
  }

  /** Why nothing can be asked of this node; null when something can. */
  #unable(): Refusal | null {
    if (this.#stopping) return SHUTTING_DOWN;
    return this.#suspect === null ? null : SUSPECT;
  }
}

const baseOf = ({ appliedIndex, appliedTerm, time }: LedgerOrigin): LogBase => ({
  index: logIndex(appliedIndex),
  term: term(appliedTerm),
  time,
});

interface Parts {
  readonly catchUp: CatchUp;
  readonly members: MembersKeeper;
  readonly authority: Authority;
  readonly ledger: Ledger;
  readonly raft: Raft;
  readonly proposals: Proposals;
  readonly testimony: Testimony;
  readonly publication: Publication;
  readonly receipts: Receipts;
  readonly outcomes: Outcomes;
  readonly issuance: Issuance;
  readonly replica: Replica;
  readonly clockWatch: ClockWatch;
}
