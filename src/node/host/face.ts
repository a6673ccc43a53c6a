/**
 * The node as the gRPC services see it: the core's callbacks behind the doors that src/rpc declares.
 */

import type { ClockService, ClockStatus, SourceStatus } from '../../clock/index.js';
import type {
  AdminDoor,
  Caller,
  ClockSourceView,
  ClockView,
  LeapView,
  LogDoor,
  NodeDoors,
  SessionHost,
} from '../../rpc/doors.js';
import { RpcError } from '../../rpc/errors.js';
import type { LeapTable } from '../../time/leap-table.js';
import type { SignatureAlgorithm } from '../../verify/crypto.js';
import { keyAlgorithm } from '../../verify/x509.js';
import { nodeId } from '../../raft/types.js';
import { encodeMembershipSteps } from '../../verify/membership-chain.js';
import { criticalSites } from '../../verify/membership.js';
import { knownMembers } from '../core/members.js';
import type { NodeCore } from '../core/node.js';
import type { CommandResult } from '../core/proposals.js';
import { LabAppends } from './lab-appends.js';
import { leapView } from './leap-view.js';
import { hostMono } from './timers.js';

const SOURCES_REFRESH_MS = 1000;

export interface FaceOptions {
  readonly genesisFile: Uint8Array;
  readonly version: string;
  readonly storageEngine: string;
  readonly sourceName: string;
  /** The node's own leap-seconds.list as it is used now. */
  readonly leapList: () => LeapTable;
}

export class NodeFace {
  readonly doors: NodeDoors;
  readonly #core: NodeCore;
  readonly #clock: ClockService;
  readonly #options: FaceOptions;
  readonly #refresh: NodeJS.Timeout;
  #status: ClockStatus | null = null;

  constructor(core: NodeCore, clock: ClockService, options: FaceOptions) {
    this.#core = core;
    this.#clock = clock;
    this.#options = options;
    this.#refresh = setInterval(() => this.#refreshSources(), SOURCES_REFRESH_MS);
    this.#refreshSources();
    this.doors = {
      clockReading: () => clock.reading(),
      certified: () => core.certified(),
      sessions: this.#sessions(),
      log: this.#log(),
      admin: this.#admin(),
      lab: core.options.genesis.lab
        ? new LabAppends((items, done) => core.testimony.labAppend(items, done))
        : null,
      admission: (caller) => core.admission(caller),
      denied: (caller, identity, reason) => core.testimony.accessDenied(identity, reason, caller?.address),
    };
  }

  /** What the clock's worker said last, about a second ago; null before its first answer. */
  get clockStatus(): ClockStatus | null {
    return this.#status;
  }

  /** The next possible leap second, and the list that this node uses. */
  leap(): LeapView {
    const { leap = null } = this.#status ?? {};
    return leapView(this.#options.leapList(), this.#core.authority.leap(), leap, this.#clock.reading());
  }

  close(): void {
    clearInterval(this.#refresh);
  }

  #refreshSources(): void {
    this.#clock.status().then(
      (status) => {
        this.#status = status;
      },
      // The worker stopped: the last view stays, its ages grow, and the clock's own state says what happened.
      () => undefined,
    );
  }

  #sessions(): SessionHost {
    return {
      open: (caller, send, end) =>
        this.#core.openSession(
          {
            identity: caller.identity,
            spki: caller.spki,
            algorithm: algorithmOf(caller),
            address: caller.address,
          },
          send,
          end,
        ),
      count: () => this.#core.sessionCount,
    };
  }

  #log(): LogDoor {
    const core = this.#core;
    return {
      size: () => core.ledger.size,
      checkpoint: (minSize, signal) =>
        new Promise((resolve, reject) => {
          const cancel = core.publication.whenPublished(minSize, (size, note) => {
            const steps = core.authority.membershipSteps(size);
            const members = steps.length === 0 ? new Uint8Array(0) : encodeMembershipSteps(steps);
            resolve({ size, note, members });
          });
          signal.addEventListener('abort', () => {
            cancel();
            reject(new RpcError('NOT_YET_PUBLISHED', `no published checkpoint covers ${minSize} leaves yet`));
          });
        }),
      current: () => current(core),
      entries: (start, count) => asPromise((done) => core.ledger.leaves(start, count, done)),
      inclusionProof: async (leaf, size) => {
        const tree = size === 0 ? core.publication.publishedSize : size;
        const [bytes, path] = await Promise.all([
          asPromise<Uint8Array>((done) => core.ledger.leaf(leaf, done)),
          asPromise<readonly Uint8Array[]>((done) => core.ledger.inclusionProof(leaf, tree, done)),
        ]);
        return { leaf: bytes, path, size: tree };
      },
      consistencyProof: (first, second) =>
        asPromise((done) => core.ledger.consistencyProof(first, second, done)),
      tile: (level, index) => asPromise((done) => core.ledger.tile(level, index, done)),
      body: async (hash) => {
        const body = await asPromise<{ salt: Uint8Array; bytes: Uint8Array } | null>((done) =>
          core.options.environment.storage.ledger.readBody(hash, done),
        );
        if (body === null) throw new RpcError('NOT_FOUND', 'no detached body has this hash here');
        return body;
      },
      receipt: (device, sequence) => {
        const audit = core.authority.audit(device, sequence);
        if (audit === undefined)
          throw new RpcError('NOT_FOUND', `audit ${sequence} of ${device} is not known here`);
        return asPromise((done) => core.receipts.of(audit, done));
      },
      onAppend: (listener) => core.onGrowth(listener),
    };
  }

  #admin(): AdminDoor {
    const core = this.#core;
    return {
      status: () => this.#nodeStatus(),
      submit: (command) =>
        new Promise((resolve, reject) => {
          core.submitSigned(command, (result) => {
            if (result.status === 'accepted')
              resolve({ leaf: result.leaf ?? 0, raftIndex: result.raftIndex });
            else reject(errorOf(result));
          });
        }),
      clients: (id) =>
        core.authority
          .devices()
          .filter((device) => id === null || device.id === id)
          .map((device) => ({
            device,
            policy: core.authority.policyFor(device),
            connected: core.isConnected(device.id),
            lastAudit: core.authority.audit(device.id, device.lastSequence) ?? null,
          })),
      clock: () => this.#clockView(),
      genesis: () => this.#options.genesisFile,
      transferLeadership: (to) => this.#transferLeadership(to),
    };
  }

  #clockView(): ClockView {
    const { limits } = this.#clock;
    return {
      reading: this.#clock.reading(),
      sources: (this.#status?.sources ?? []).map(sourceView),
      sourceName: this.#options.sourceName,
      site: this.#core.site,
      syncLimitNs: limits.syncNs,
      holdLimitNs: limits.holdNs,
      leap: this.leap(),
    };
  }

  #transferLeadership(to: string | null): Promise<string | null> {
    const { raft } = this.#core;
    const { role, leader } = raft.status();
    if (role !== 'leader') return Promise.reject(new RpcError('NOT_LEADER', undefined, { leader }));
    return new Promise((resolve, reject) => {
      raft.transferLeadership(to === null ? null : nodeId(to), (transferred) => {
        if (transferred) resolve(raft.status().leader);
        else reject(new RpcError('LEADERSHIP_NOT_TAKEN', `${to ?? 'nobody'} did not take over in time`));
      });
    });
  }

  #nodeStatus() {
    const core = this.#core;
    const raft = core.raft.status();
    const { genesis, node } = core.options;
    const view = core.authority.membership();
    const head = core.ledger.head();
    return {
      cluster: genesis.clusterId,
      laboratory: genesis.lab,
      node,
      site: core.site,
      version: this.#options.version,
      role: raft.role,
      term: raft.term,
      leader: raft.leader,
      lastIndex: raft.lastIndex,
      commitIndex: raft.commitIndex,
      appliedIndex: raft.appliedIndex,
      logSize: head.size,
      root: head.root,
      publishedSize: core.publication.publishedSize,
      clusterTime: core.clusterTimeNow,
      impairments: core.impairments(),
      impairmentDetails: core.impairmentDetails(),
      membershipVersion: view.current.version,
      membershipPending: view.pending,
      membershipAttested: view.attested,
      membershipAwaits: core.members.awaited ?? '',
      criticalSites: criticalSites(view.current),
      nodes: knownMembers(view).map((member) => {
        const peer = raft.peers.find(({ id }) => id === member.id);
        return {
          standing: member.id === node ? raft.standing : (peer?.standing ?? ''),
          incarnation: view.configuration?.incarnations.get(member.id) ?? new Uint8Array(0),
          suspect: peer?.regressed ?? false,
          address: member.address,
          inForce: view.current.members.some(({ id }) => id === member.id),
          node: member.id,
          site: member.site,
          kind: member.kind,
          matchIndex: member.id === node ? raft.lastIndex : (peer?.match ?? 0),
          recentlyActive: member.id === node || (peer?.recentlyActive ?? false),
          cosignedSize: core.publication.cosignedSize(member.id),
        };
      }),
      sessions: core.sessionCount,
      storageEngine: this.#options.storageEngine,
    };
  }
}

function current(core: NodeCore): Promise<void> {
  return new Promise((resolve, reject) => {
    core.raft.readIndex(({ status }) => {
      switch (status) {
        case 'ready':
          resolve();
          return;
        case 'overloaded':
          reject(new RpcError('OVERLOADED'));
          return;
        case 'notLeader':
        case 'unknown':
          reject(new RpcError('NO_QUORUM', 'no leader confirmed in time how far the log goes'));
      }
    });
  });
}

function algorithmOf(caller: Caller): SignatureAlgorithm {
  return keyAlgorithm(caller.spki);
}

function errorOf(result: Exclude<CommandResult, { status: 'accepted' }>): RpcError {
  if (result.status === 'refused')
    return new RpcError('COMMAND_REFUSED', `${result.reason}: ${result.detail}`);
  return new RpcError('OUTCOME_UNKNOWN', undefined, { leader: result.leader });
}

function sourceView(source: SourceStatus): ClockSourceView {
  return {
    name: source.name,
    address: source.addresses.join(', '),
    role: source.role,
    accepted: source.accepted,
    rejected: source.rejected,
    lastOffsetNs: source.lastOffsetNs,
    lastUncertaintyNs: source.lastUncertaintyNs,
    lastDelayNs: source.lastDelayNs,
    lastAgeNs: source.lastMono === null ? -1n : hostMono() - source.lastMono,
    authenticated: source.authenticated,
    unanswered: source.unanswered,
    rejectedBy: source.rejectedBy,
    questionsLeft: source.questionsLeft,
    reach: source.reach,
    gives: 'phase and label',
  };
}

function asPromise<T>(call: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error !== null) reject(error);
      else resolve(value as T);
    });
  });
}
