/**
 * Runs one core on a disk, a network and timers: feeds it inputs one at a time and carries out its effects. It decides
 * nothing about consensus; what it owns is *order*:
 *
 * - one synced write is outstanding; what arrives meanwhile is gathered into the next (group commit);
 * - a send that asserts a durable fact leaves only after the write that it names;
 * - proposals of one turn, and those that arrive during the leader's own write, become one batch;
 * - after a stall of the process what waits to be read is read before time is judged, and time is judged once (E16);
 * - a failed write, read or apply ends everything: nothing leaves afterwards.
 *
 * No promises and no clock of its own: the simulator runs this very code on virtual time.
 */

import { durNs } from '../time/types.js';
import { equalBytes } from '../verify/bytes.js';
import { clusterTag, decodeMessage, encodeMessage, type Sender } from './codec.js';
import { checkConfig, RaftConfigError, type CoreConfig, type Nanos } from './core/config.js';
import type { Effect, Input, Proposal, ReadPurpose } from './core/effects.js';
import type { Message } from './core/messages.js';
import { createCore, type CoreImage, type CoreState } from './core/state.js';
import { problemOf } from './core/membership-rules.js';
import { membershipStatus, nextDeadline, step } from './core/step.js';
import type {
  ChangeResult,
  MembershipStatus,
  ProposeResult,
  Raft,
  RaftLimits,
  RaftOptions,
  RaftStatus,
  ReadResult,
} from './driver-api.js';
import { PersistGather } from './gather.js';
import { StorageFailure } from './errors.js';
import {
  decodeMembership,
  incarnationBytes,
  incarnationOf,
  isIncarnation,
  type MembershipAt,
  type MembershipTarget,
} from './membership.js';
import type { LogBase, LogImage } from './storage.js';
import { lacksEntry, restartAfter } from './restart.js';
import { DEFAULT_LIMITS } from './timing.js';
import type { Lane } from './transport.js';
import { logIndex, term, type Entry, type Incarnation, type LogIndex, type NodeId } from './types.js';

/** What a start reads at once. */
const LOAD_READ_BYTES = 1 << 20;

/** @throws RaftConfigError for options that cannot work */
export function createRaft(options: RaftOptions): Raft {
  return new Driver(options);
}

type Phase = 'created' | 'loading' | 'running' | 'stopped';

interface Gated {
  readonly after: number;
  readonly to: NodeId;
  readonly message: Message;
}

class Driver implements Raft {
  readonly #options: RaftOptions;
  readonly #config: CoreConfig;
  readonly #sender: Sender;
  readonly #origin: bigint;
  #phase: Phase = 'created';
  #core: CoreState | null = null;

  /** Inputs not yet stepped. Callbacks that fire inside a step queue here, so that steps never nest. */
  #inbox: Input[] = [];
  #draining = false;

  readonly #gather = new PersistGather();
  /** Sequence of the outstanding write, or 0. */
  #writing = 0;
  #persisted = 0;
  #gated: Gated[] = [];
  /** Outstanding reads: a truncating write below their end waits, and a compaction above their start. */
  readonly #reads = new Set<{ readonly from: LogIndex; readonly to: LogIndex }>();
  /** Up to where the store is to trim, as soon as no read is in the way. */
  #trimTo: LogIndex | null = null;

  #proposals: Proposal[] = [];
  #flushScheduled = false;
  #nextRequest = 1;
  readonly #asked = new Map<number, (result: ProposeResult) => void>();
  readonly #transfers = new Map<number, (transferred: boolean) => void>();
  readonly #changes = new Map<number, (result: ChangeResult) => void>();
  readonly #reading = new Map<number, (result: ReadResult) => void>();
  #newReads: number[] = [];
  /** The incarnation that each peer spoke as last, in both its forms. */
  readonly #speakers = new Map<NodeId, { readonly bytes: Uint8Array; readonly incarnation: Incarnation }>();

  #cancelTimer: (() => void) | null = null;
  #timerAt: Nanos = Infinity;
  #mayLead = true;
  #ready = true;

  #encoded: { readonly message: Message; readonly bytes: Uint8Array } | null = null;

  constructor(options: RaftOptions) {
    this.#options = options;
    this.#config = coreConfig(options);
    this.#sender = {
      tag: clusterTag(options.clusterId),
      id: options.id,
      incarnation: incarnationBytes(options.incarnation),
    };
    this.#origin = options.mono();
  }

  start(ready: () => void): void {
    if (this.#phase !== 'created') throw new RaftConfigError('start was called twice', 'create a new one');
    this.#phase = 'loading';
    this.#options.transport.onMessage((from, bytes) => {
      this.#receive(from, bytes);
    });
    this.#options.transport.onPeerLost((peer) => {
      this.#enqueue({ kind: 'peerLost', peer });
    });
    this.#options.store.load((error, image) => {
      if (this.#phase !== 'loading') return;
      if (error !== null || image === undefined) this.#fail(new StorageFailure('load the log', error));
      else this.#loaded(image, ready);
    });
  }

  propose(payloads: readonly Uint8Array[], done: (result: ProposeResult) => void): void {
    if (payloads.length === 0) throw new RaftConfigError('nothing was proposed', 'give at least one payload');
    if (this.#phase !== 'running') {
      this.#options.timers.after(durNs(0n), () => {
        done({ status: 'notLeader', leader: null });
      });
      return;
    }
    const request = this.#nextRequest++;
    this.#asked.set(request, done);
    this.#proposals.push({ from: 'local', request, payloads });
    this.#scheduleFlush();
  }

  transferLeadership(target: NodeId | null, done: (transferred: boolean) => void): void {
    const request = this.#nextRequest++;
    this.#transfers.set(request, done);
    if (this.#phase === 'running') this.#enqueue({ kind: 'transfer', request, target });
    else this.#answerTransfer(request, false);
  }

  membership(): MembershipStatus {
    if (this.#core !== null) return membershipStatus(this.#core);
    const { index, membership } = this.#options.membership;
    return { index, committed: true, membership, stable: { index, membership } };
  }

  changeMembership(target: MembershipTarget, done: (result: ChangeResult) => void): void {
    if (this.#phase !== 'running') {
      this.#options.timers.after(durNs(0n), () => {
        done({ status: 'notLeader', leader: null });
      });
      return;
    }
    const request = this.#nextRequest++;
    this.#changes.set(request, done);
    this.#enqueue({ kind: 'changeMembership', request, target });
  }

  readIndex(done: (result: ReadResult) => void): void {
    const request = this.#nextRequest++;
    this.#reading.set(request, done);
    if (this.#newReads.length === 0) {
      this.#options.timers.after(durNs(0n), () => {
        this.#flushReads();
      });
    }
    this.#newReads.push(request);
  }

  /** Reads of one turn share one round of heartbeats, or one question to the leader. */
  #flushReads(): void {
    const requests = this.#newReads;
    this.#newReads = [];
    if (this.#phase === 'running') this.#enqueue({ kind: 'read', requests });
    else this.#answerReads(requests, { status: 'notLeader', leader: null });
  }

  #answerReads(requests: readonly number[], result: ReadResult): void {
    for (const request of requests) {
      const done = this.#reading.get(request);
      this.#reading.delete(request);
      done?.(result);
    }
  }

  status(): RaftStatus {
    const core = this.#core;
    const { id } = this.#options;
    if (core === null) {
      const none = logIndex(0);
      const where = { commitIndex: none, appliedIndex: none, firstIndex: logIndex(1), lastIndex: none };
      return { id, role: 'follower', term: term(0), leader: null, ...where, standing: 'outside', peers: [] };
    }
    const activeSince = core.now - core.config.electionMin;
    const peers = core.leading === null ? [] : [...core.leading.progress.values()];
    return {
      id,
      role: core.role,
      term: core.term,
      leader: core.leader,
      commitIndex: core.commit,
      appliedIndex: core.applied,
      firstIndex: core.log.firstIndex,
      lastIndex: core.log.lastIndex,
      standing: core.memberships.members.standing,
      peers: peers.map((peer) => ({
        id: peer.id,
        match: peer.match,
        recentlyActive: peer.contactAt >= activeSince,
        standing: core.memberships.members.standingOf(peer.id),
        regressed: peer.regressed,
        caughtUp: peer.catchUp.caughtUp,
      })),
    };
  }

  ledgerPosition(synced: LogIndex, complete: boolean): void {
    this.#enqueue({ kind: 'ledger', synced, complete });
  }

  stop(): void {
    this.#end();
    this.#answerAll();
  }

  // ---- start

  /** The state machine is ahead of a log that does not hold the snapshot's entry: the log begins anew behind it. */
  #restartLog(image: LogImage, base: LogBase, ready: () => void): void {
    const { store } = this.#options;
    const begun = restartAfter(image, base);
    store.persist(begun.batch, (failed) => {
      if (this.#phase !== 'loading') return;
      if (failed !== null) {
        this.#fail(new StorageFailure('begin the log behind a snapshot', failed));
        return;
      }
      this.#loaded(begun.image, ready);
    });
  }

  #loaded(image: LogImage, ready: () => void): void {
    const { appliedIndex, installed, membership } = this.#options;
    if (installed !== undefined && installed !== null && lacksEntry(image, installed)) {
      this.#restartLog(image, installed, ready);
      return;
    }
    if (appliedIndex > image.lastIndex) {
      // The log lost its tail, or is not the one that this state was made from.
      this.#fail(
        new StorageFailure(
          `continue after entry ${appliedIndex}, which the state machine has applied: the log ends at ${image.lastIndex}`,
          null,
        ),
      );
      return;
    }
    const from = Math.max(membership.asOf + 1, image.firstIndex);
    this.#findMemberships(logIndex(from), image.lastIndex, [], (laterMemberships) => {
      const known = { appliedIndex, membership, laterMemberships };
      if (image.lastIndex < image.firstIndex) {
        this.#run({ ...image, ...known, lastEntry: null }, ready);
        return;
      }
      const last = image.lastIndex;
      this.#load(last, last, (entries) => {
        this.#run({ ...image, ...known, lastEntry: entries[0] ?? null }, ready);
      });
    });
  }

  /** Memberships that the host has not been told of yet, because they are not applied: a walk of a second's entries. */
  #findMemberships(
    from: LogIndex,
    to: LogIndex,
    found: readonly MembershipAt[],
    done: (found: readonly MembershipAt[]) => void,
  ): void {
    if (from > to) {
      done(found);
      return;
    }
    this.#load(from, to, (entries) => {
      const more = [...found];
      for (const { kind, index, payload } of entries) {
        if (kind === 'config') more.push({ index, membership: decodeMembership(payload) });
      }
      this.#findMemberships(logIndex(from + entries.length), to, more, done);
    });
  }

  /** Reads before the core runs; at least one entry comes. */
  #load(from: LogIndex, to: LogIndex, done: (entries: readonly Entry[]) => void): void {
    this.#options.store.read(from, to, LOAD_READ_BYTES, (error, entries) => {
      if (this.#phase !== 'loading') return;
      if (error !== null || entries === undefined || !isContiguous(entries, from, to)) {
        this.#fail(new StorageFailure(`read entries ${from} to ${to}`, error));
        return;
      }
      try {
        done(entries);
      } catch (problem) {
        this.#fail(asError(problem));
      }
    });
  }

  #run(image: CoreImage, ready: () => void): void {
    try {
      this.#core = createCore(this.#config, image, this.#now());
    } catch (error) {
      this.#fail(asError(error));
      return;
    }
    this.#phase = 'running';
    this.#enqueue({ kind: 'start' });
    ready();
  }

  // ---- inputs

  #now(): Nanos {
    return Number(this.#options.mono() - this.#origin);
  }

  #receive(from: NodeId, bytes: Uint8Array): void {
    if (this.#phase !== 'running') return;
    const decoded = decodeMessage(this.#sender.tag, bytes);
    // What is malformed, of another cluster, or sent in another's name has no effect.
    if (!decoded.ok || decoded.from !== from) return;
    const { message } = decoded;
    const incarnation = this.#incarnationOf(from, decoded.incarnation);
    if (message.kind === 'forward') {
      const { term: meantFor, request, payloads } = message;
      this.#proposals.push({ from: 'peer', peer: from, incarnation, term: meantFor, request, payloads });
      this.#scheduleFlush();
      return;
    }
    if (message.kind === 'timeoutNow' || message.kind === 'heartbeat') this.#askHost();
    this.#enqueue({ kind: 'message', from, incarnation, message });
  }

  #incarnationOf(from: NodeId, bytes: Uint8Array): Incarnation {
    const known = this.#speakers.get(from);
    if (known !== undefined && equalBytes(known.bytes, bytes)) return known.incarnation;
    const incarnation = incarnationOf(bytes);
    this.#speakers.set(from, { bytes: bytes.slice(), incarnation });
    return incarnation;
  }

  #enqueue(input: Input): void {
    if (this.#phase !== 'running') return;
    this.#inbox.push(input);
    if (!this.#draining) this.#drain();
  }

  #drain(): void {
    const core = this.#core;
    if (core === null) return;
    this.#draining = true;
    try {
      while (this.#inbox.length > 0) {
        this.#stepAll(core);
        this.#startWrite();
      }
    } catch (error) {
      // A broken invariant, or an apply that threw: stop before anything is said on top of it.
      this.#fail(asError(error));
    } finally {
      this.#draining = false;
    }
    if (!this.#isRunning()) return;
    this.#arm();
    if (this.#proposals.length > 0) this.#scheduleFlush();
  }

  /** Also what arrives meanwhile: a write or a caller may answer before it returns. */
  #stepAll(core: CoreState): void {
    for (let at = 0; at < this.#inbox.length && this.#isRunning(); at++) {
      const input = this.#inbox[at];
      if (input === undefined) continue;
      const effects = step(core, this.#now(), input);
      this.#carryOut(effects, at === this.#inbox.length - 1);
    }
    this.#inbox = [];
  }

  #isRunning(): boolean {
    return this.#phase === 'running';
  }

  // ---- effects

  #carryOut(effects: readonly Effect[], lastInput: boolean): void {
    let gathered = false;
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        this.#gather.add(effect.seq, effect.batch);
        gathered = true;
      }
    }
    // The disk starts before messages are encoded, if nothing else is about to join this write.
    if (gathered && lastInput) this.#startWrite();
    for (const effect of effects) {
      this.#perform(effect);
      if (!this.#isRunning()) return;
    }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'persist':
        return;
      case 'send':
        if (effect.after > this.#persisted) this.#gated.push(effect);
        else this.#send(effect.to, effect.message);
        return;
      case 'readEntries':
        this.#read(effect.purpose, effect.from, effect.to, effect.maxBytes);
        return;
      case 'compact':
        this.#trimTo = effect.to;
        this.#startCompaction();
        return;
      case 'apply':
        this.#options.apply(effect.entries);
        return;
      case 'answer': {
        const done = this.#asked.get(effect.request);
        this.#asked.delete(effect.request);
        done?.(effect.result);
        return;
      }
      case 'changed': {
        const done = this.#changes.get(effect.request);
        this.#changes.delete(effect.request);
        done?.(effect.result);
        return;
      }
      case 'read':
        this.#answerReads(effect.requests, effect.result);
        return;
      case 'transferred':
        this.#answerTransfer(effect.request, effect.transferred);
        return;
      case 'event':
        this.#options.onEvent(effect.event);
        return;
    }
  }

  #answerTransfer(request: number, transferred: boolean): void {
    const done = this.#transfers.get(request);
    this.#transfers.delete(request);
    done?.(transferred);
  }

  /** One object sent to several peers in a row is encoded once. */
  #send(to: NodeId, message: Message): void {
    if (this.#encoded?.message !== message) {
      this.#encoded = { message, bytes: encodeMessage(this.#sender, message) };
    }
    this.#options.transport.send(to, laneOf(message), this.#encoded.bytes);
  }

  #releaseGated(): void {
    if (this.#gated.length === 0) return;
    const waiting: Gated[] = [];
    for (const one of this.#gated) {
      if (one.after > this.#persisted) waiting.push(one);
      else this.#send(one.to, one.message);
    }
    this.#gated = waiting;
  }

  // ---- disk

  #startWrite(): void {
    if (this.#writing !== 0 || this.#gather.seq === 0 || this.#phase !== 'running') return;
    const cut = this.#gather.truncateFrom;
    // A read that was asked for before must not find its entries half gone.
    if (cut !== undefined) for (const { to } of this.#reads) if (to >= cut) return;
    const { seq, batch } = this.#gather.take();
    this.#writing = seq;
    const startedAt = this.#options.mono();
    this.#options.store.persist(batch, (error) => {
      if (this.#phase !== 'running') return;
      if (error !== null) {
        this.#fail(new StorageFailure('write and sync the log', error));
        return;
      }
      this.#writing = 0;
      this.#persisted = seq;
      const durationNs = this.#options.mono() - startedAt;
      this.#options.onEvent({ kind: 'persisted', entries: batch.entries.length, durationNs });
      this.#releaseGated();
      this.#enqueue({ kind: 'persisted', seq });
    });
  }

  #read(purpose: ReadPurpose, from: LogIndex, to: LogIndex, maxBytes: number): void {
    const range = { from, to };
    this.#reads.add(range);
    this.#options.store.read(from, to, maxBytes, (error, entries) => {
      if (this.#phase !== 'running') return;
      this.#reads.delete(range);
      if (error !== null || entries === undefined || !isContiguous(entries, from, to)) {
        this.#fail(new StorageFailure(`read entries ${from} to ${to}`, error));
        return;
      }
      this.#enqueue({ kind: 'entriesRead', purpose, from, entries });
      this.#startCompaction();
    });
  }

  /** In the background, beside writes and reads; only reads of what is about to go are waited for. */
  #startCompaction(): void {
    const to = this.#trimTo;
    if (to === null || !this.#isRunning()) return;
    for (const { from } of this.#reads) if (from <= to) return;
    this.#trimTo = null;
    const startedAt = this.#options.mono();
    this.#options.store.compact(to, (error) => {
      if (!this.#isRunning()) return;
      if (error !== null) {
        this.#fail(new StorageFailure(`trim the log up to entry ${to}`, error));
        return;
      }
      const firstIndex = logIndex(to + 1);
      const durationNs = this.#options.mono() - startedAt;
      this.#options.onEvent({ kind: 'compacted', firstIndex, durationNs });
      this.#enqueue({ kind: 'compacted' });
    });
  }

  // ---- proposals

  #scheduleFlush(): void {
    // A leader's next batch follows its outstanding write: meanwhile the proposals gather.
    if (this.#flushScheduled || (this.#writing !== 0 && this.#core?.role === 'leader')) return;
    this.#flushScheduled = true;
    this.#options.timers.after(durNs(0n), () => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const core = this.#core;
    if (core === null || this.#phase !== 'running' || this.#proposals.length === 0) return;
    if (this.#writing !== 0 && core.role === 'leader') return;
    const proposals = this.#proposals;
    this.#proposals = [];
    const time = core.role === 'leader' ? this.#options.stamp(core.log.lastTime) : null;
    this.#enqueue({ kind: 'propose', proposals, time });
  }

  // ---- time

  #arm(): void {
    const core = this.#core;
    if (core === null) return;
    const at = nextDeadline(core);
    // An armed timer that fires too early only arms the next one: cheaper than a new timer at every heartbeat.
    if (this.#timerAt <= at) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    const delay = Math.max(0, Math.ceil(at - this.#now()));
    this.#cancelTimer = this.#options.timers.after(durNs(BigInt(delay)), () => {
      this.#cancelTimer = null;
      this.#timerFired(at);
    });
  }

  #timerFired(due: Nanos): void {
    if (this.#phase !== 'running' || this.#core === null) return;
    const stalled = this.#now() - due > this.#config.electionMin / 2;
    if (!stalled) {
      this.#timerAt = Infinity;
      this.#tick(false);
      return;
    }
    // This process slept. Let everything that waits in the sockets come in first, then tick once.
    this.#cancelTimer = this.#options.timers.after(durNs(0n), () => {
      this.#cancelTimer = null;
      this.#timerAt = Infinity;
      this.#tick(true);
    });
  }

  #tick(stalled: boolean): void {
    const core = this.#core;
    if (core === null || this.#phase !== 'running') return;
    if (this.#now() < nextDeadline(core)) {
      this.#arm();
      return;
    }
    this.#askHost();
    this.#enqueue({ kind: 'tick', stalled });
  }

  #askHost(): void {
    const { mayLead, learnerReady } = this.#options;
    const leads = mayLead();
    if (leads !== this.#mayLead) {
      this.#mayLead = leads;
      this.#enqueue({ kind: 'mayLead', value: leads });
    }
    const ready = learnerReady?.() ?? true;
    if (ready !== this.#ready) {
      this.#ready = ready;
      this.#enqueue({ kind: 'ready', value: ready });
    }
  }

  // ---- end

  #fail(error: Error): void {
    if (this.#phase === 'stopped') return;
    this.#end();
    this.#answerAll();
    this.#options.onFatal(error);
  }

  #end(): void {
    this.#phase = 'stopped';
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#gated = [];
    this.#inbox = [];
    this.#proposals = [];
  }

  /** Every question is answered once: these may or may not have been committed. */
  #answerAll(): void {
    const asked = [...this.#asked.values()];
    const transfers = [...this.#transfers.values()];
    const changes = [...this.#changes.values()];
    const reads = [...this.#reading.values()];
    this.#asked.clear();
    this.#transfers.clear();
    this.#changes.clear();
    this.#reading.clear();
    for (const done of asked) done({ status: 'unknown' });
    for (const done of transfers) done(false);
    for (const done of changes) done({ status: 'unknown' });
    for (const done of reads) done({ status: 'unknown' });
  }
}

function coreConfig(options: RaftOptions): CoreConfig {
  const { id, incarnation, membership, timing, seed } = options;
  const problem = problemOf(membership.membership);
  if (problem !== null)
    throw new RaftConfigError(problem, 'correct the membership that the cluster starts with');
  if (!isIncarnation(incarnation)) {
    throw new RaftConfigError(`'${incarnation}' is no incarnation`, 'give 32 lower-case hexadecimal digits');
  }
  const limits: Required<RaftLimits> = { ...DEFAULT_LIMITS, ...options.limits };
  const { trailingEntries, trimBytes, trimIntervalNs, ...others } = limits;
  return checkConfig({
    id,
    incarnation,
    heartbeat: Number(timing.heartbeat),
    electionMin: Number(timing.electionMin),
    electionMax: Number(timing.electionMax),
    ...others,
    compaction: { trailingEntries, trimBytes, trimInterval: trimIntervalNs },
    seed,
  });
}

/** Appends and forwarded batches may be large; everything else must not wait behind them. */
function laneOf(message: Message): Lane {
  return message.kind === 'append' || message.kind === 'forward' ? 'append' : 'control';
}

function isContiguous(entries: readonly Entry[], from: LogIndex, to: LogIndex): boolean {
  return (
    entries.length > 0 &&
    from + entries.length - 1 <= to &&
    entries.every((entry, at) => entry.index === from + at)
  );
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
