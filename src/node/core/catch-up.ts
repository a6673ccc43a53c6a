/**
 * Catching up where logs no longer reach, from both sides: serving those who were left behind, and pulling when this
 * node was. In order: the small snapshot (./snapshot-pull.ts) is installed and the node takes part again; then what it
 * left out is filled in (./ledger-fill.ts), and only then the ledger counts as complete.
 */

import { fillStart } from '../../audit/fill.js';
import type { Ledger } from '../../audit/ledger.js';
import type { LedgerOrigin, LedgerStore } from '../../audit/storage.js';
import type { RaftLogStore } from '../../raft/storage.js';
import type { DurNs } from '../../time/types.js';
import { durNs, NS_PER_S } from '../../time/types.js';
import type { CheckpointPolicy } from '../../verify/checkpoint-policy.js';
import type { MembershipStep } from '../../verify/membership-chain.js';
import type { Environment } from '../environment.js';
import { PULL_RATE, type BulkPeers } from './bulk-request.js';
import { LedgerFill } from './ledger-fill.js';
import { LogRepair, type LogRepairDeps } from './log-repair.js';
import { decodeSnapshotMessage } from './snapshot-messages.js';
import { SnapshotPull, type ProvenSnapshot } from './snapshot-pull.js';
import { SnapshotServer, type RecordedState } from './snapshot-server.js';

/** How often the digest of the replicated state becomes a record: by entries, and by time if there were any. */
export interface DigestPace {
  readonly entries: number;
  readonly interval: DurNs;
}

export const DIGEST_PACE: DigestPace = { entries: 32_768, interval: durNs(600n * NS_PER_S) };
/** A proposed digest that was not applied by then is proposed again. */
const DIGEST_PATIENCE = 5n * NS_PER_S;

export interface CatchUpDeps {
  readonly environment: Pick<Environment, 'mono' | 'timers' | 'transport' | 'verifier'>;
  readonly store: LedgerStore;
  readonly ledger: Ledger;
  readonly origin: LedgerOrigin | null;
  /** False for a ledger that holds nothing but its birth. */
  readonly begun: boolean;
  readonly pace: DigestPace;
  /** Bytes a second to pull; `PULL_RATE` by default. */
  readonly rate?: number | undefined;
  readonly peers: () => readonly string[];
  /** Whose lines publish a checkpoint after these changes of the members; of the first ones if they do not hold. */
  readonly policyAfter: (members: readonly MembershipStep[]) => CheckpointPolicy;
  /** How the members changed until a checkpoint of this size. */
  readonly members: (size: number) => readonly MembershipStep[];
  readonly newest: () => { readonly size: number; readonly note: Uint8Array } | null;
  readonly appliedIndex: () => number;
  readonly log: () => { readonly firstIndex: number; readonly commitIndex: number };
  readonly readLog: RaftLogStore['read'];
  /** Not null: the log is damaged and can be repaired in place. */
  readonly repair: LogRepairDeps | null;
  readonly proposeDigest: () => void;
  /** Ends this life of the node's parts and begins another one with the snapshot. */
  readonly install: (snapshot: ProvenSnapshot) => void;
  /** Every record since the birth is here, verified and durable. */
  readonly completed: () => void;
  readonly diverged: (detail: string) => void;
  readonly fatal: (error: Error) => void;
}

export class CatchUp {
  readonly #deps: CatchUpDeps;
  readonly #server: SnapshotServer;
  readonly #pull: SnapshotPull;
  #fill: LedgerFill | null = null;
  readonly #repair: LogRepair | null;
  #digestAt: { index: number; time: bigint };
  #proposedAt: bigint | null = null;

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
    const { environment, store, ledger, origin, rate } = deps;
    const { mono, timers, transport, verifier } = environment;
    const bulk: BulkPeers = {
      peers: deps.peers,
      send: (to, message) => transport.send(to, 'bulk', 'snapshot', message),
      mono,
      timers,
      rate: rate ?? PULL_RATE,
    };
    this.#digestAt = { index: deps.appliedIndex(), time: mono() };
    this.#server = new SnapshotServer({
      ledger,
      store,
      newest: deps.newest,
      members: deps.members,
      log: deps.log,
      readLog: deps.readLog,
      complete: () => this.ledgerComplete,
      send: bulk.send,
      wanted: () => this.#propose(),
      mono,
    });
    const { policyAfter, install, diverged } = deps;
    this.#pull = new SnapshotPull({
      ...bulk,
      own: () => ledger.head(),
      policyAfter,
      verifier,
      install,
      diverged,
    });
    this.#repair =
      deps.repair === null
        ? null
        : new LogRepair(bulk, { ...deps.repair, trimmed: (firstIndex) => this.needed(firstIndex) });
    if (origin === null || origin.next === null) return;
    this.#fill = new LedgerFill(
      { ...origin, next: origin.next },
      {
        ...bulk,
        ledger,
        store,
        done: () => {
          this.#fill = null;
          deps.completed();
        },
        fatal: deps.fatal,
      },
    );
  }

  get ledgerComplete(): boolean {
    return this.#fill === null && !this.#pull.active;
  }

  /** This node lacks entries that no log holds for it. */
  get behind(): boolean {
    return this.#pull.active;
  }

  start(): void {
    this.#fill?.start();
    this.#repair?.start();
  }

  /** Apply made the digest of a state a record. */
  recorded(state: RecordedState): void {
    this.#digestAt = { index: state.index, time: this.#deps.environment.mono() };
    this.#proposedAt = null;
    this.#server.keep(state);
  }

  /** Nothing below this entry can be had from logs. */
  needed(firstIndex: number): void {
    this.#fill?.stop();
    this.#pull.start(firstIndex - 1);
  }

  receive(from: string, bytes: Uint8Array): void {
    const message = decodeSnapshotMessage(bytes);
    if (message === null) return;
    if (message.kind.startsWith('ask')) this.#server.receive(from, message);
    else if (this.#pull.active) this.#pull.receive(from, message);
    else if (message.kind === 'entries' || message.kind === 'trimmed') this.#repair?.receive(from, message);
    else this.#fill?.receive(from, message);
  }

  /** @param leads whether this node is the one that proposes digests */
  tick(leads: boolean): void {
    this.#pull.tick();
    if (!this.#pull.active) {
      this.#repair?.tick();
      this.#fill?.tick();
    }
    if (!leads) return;
    const { entries, interval } = this.#deps.pace;
    const since = this.#deps.appliedIndex() - this.#digestAt.index;
    const late = this.#deps.environment.mono() - this.#digestAt.time >= interval;
    // The digest's own entry and its checkpoint are no reason for another.
    if (since >= entries || (late && since > 3)) this.#propose();
  }

  stop(): void {
    this.#pull.stop();
    this.#repair?.stop();
    this.#fill?.stop();
  }

  /** Writes the snapshot in place of what the ledger's image said. One write, then durable. */
  write({ image, term, checkpoint }: ProvenSnapshot, done: (error: Error | null) => void): void {
    const { store, ledger, origin, begun } = this.#deps;
    const { size, appliedIndex, appliedTime } = image;
    const whole = origin === null || origin.next === null;
    // A prefix that was itself still being filled is fetched again.
    const present = begun ? Math.min(size, whole ? ledger.size : origin.present) : 0;
    store.write(
      {
        bundles: [],
        tiles: [],
        bodies: [],
        checkpoints: [checkpoint],
        image,
        origin: {
          appliedIndex,
          appliedTerm: term,
          time: appliedTime,
          size,
          present,
          next: fillStart(size, present),
        },
      },
      (error) => {
        if (error === null) store.sync(done);
        else done(error);
      },
    );
  }

  #propose(): void {
    const now = this.#deps.environment.mono();
    if (this.#proposedAt !== null && now - this.#proposedAt < DIGEST_PATIENCE) return;
    this.#proposedAt = now;
    this.#deps.proposeDigest();
  }
}
