/**
 * What the gRPC services need from the node behind them. Implemented by src/node; the services only authenticate,
 * authorise, limit, map and answer.
 */

import type { Audit, AuditPolicy, Device } from '../authority/model.js';
import type { ClockReading } from '../time/types.js';
import type { Refusal, SessionRequest, SessionResponse } from '../wire/messages.js';

/** Who is calling, as proven by the TLS handshake. */
export interface Caller {
  /** taa://<cluster>/<role>/<name> */
  readonly identity: string;
  readonly role: string;
  readonly name: string;
  /** DER SubjectPublicKeyInfo of the certificate's key. */
  readonly spki: Uint8Array;
  /** Remote address and port, for records and limits. */
  readonly address: string;
}

/** The node's side of one session. `receive` is called right after a message was read from the stream. */
export interface SessionPeer {
  receive(message: SessionRequest): void;
  /** Called once, however the stream ended (`end` included); nothing may be sent afterwards. */
  closed(): void;
}

export interface SessionHost {
  /**
   * @param send writes one message at once; false means that the client is slow and the session will be ended
   * @param end closes the stream with a status
   */
  open(
    caller: Caller,
    send: (message: SessionResponse) => boolean,
    end: (reason: Refusal | null) => void,
  ): SessionPeer;
  count(): number;
}

export interface LogDoor {
  size(): number;
  /**
   * Resolves when this node has applied all that was committed anywhere at the call. Rejects with an RpcError: no leader
   * (NO_QUORUM), or too many such reads wait (OVERLOADED).
   */
  current(): Promise<void>;
  /** Newest published checkpoint covering at least `minSize` leaves; waits for it. Rejects when `signal` aborts. */
  checkpoint(
    minSize: number,
    signal: AbortSignal,
  ): Promise<{ note: Uint8Array; size: number; members: Uint8Array }>;
  entries(start: number, count: number): Promise<readonly Uint8Array[]>;
  inclusionProof(
    leaf: number,
    size: number,
  ): Promise<{ leaf: Uint8Array; path: readonly Uint8Array[]; size: number }>;
  consistencyProof(first: number, second: number): Promise<readonly Uint8Array[]>;
  tile(level: number, index: number): Promise<Uint8Array>;
  body(hash: Uint8Array): Promise<{ salt: Uint8Array; bytes: Uint8Array }>;
  receipt(device: string, sequence: number): Promise<Uint8Array>;
  /** Called after leaves were appended, with the new size. Returns the unsubscription. */
  onAppend(listener: (size: number) => void): () => void;
}

export interface SignedCommandSubmission {
  readonly statement: Uint8Array;
  readonly signer: string;
  readonly algorithm: string;
  readonly signature: Uint8Array;
  readonly body: Uint8Array;
  readonly bodySalt: Uint8Array;
}

export interface NodeStatusView {
  readonly cluster: string;
  readonly laboratory: boolean;
  readonly node: string;
  readonly site: string;
  readonly version: string;
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader';
  readonly term: number;
  readonly leader: string | null;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly logSize: number;
  readonly root: Uint8Array;
  readonly publishedSize: number;
  readonly clusterTime: bigint;
  readonly impairments: readonly string[];
  readonly impairmentDetails: readonly string[];
  readonly nodes: readonly {
    readonly node: string;
    readonly site: string;
    readonly kind: string;
    readonly matchIndex: number;
    readonly recentlyActive: boolean;
    readonly cosignedSize: number;
    readonly standing: string;
    /** 16 bytes; empty while it is not known. */
    readonly incarnation: Uint8Array;
    readonly suspect: boolean;
    readonly address: string;
    readonly inForce: boolean;
  }[];
  readonly membershipVersion: number;
  readonly membershipPending: boolean;
  readonly membershipAttested: boolean;
  readonly membershipAwaits: string;
  readonly criticalSites: readonly string[];
  readonly sessions: number;
  readonly storageEngine: string;
}

export interface ClockSourceView {
  readonly name: string;
  readonly address: string;
  readonly role: 'reference' | 'monitor';
  readonly accepted: number;
  readonly rejected: number;
  readonly lastOffsetNs: bigint;
  readonly lastUncertaintyNs: bigint;
  readonly lastDelayNs: bigint;
  /** −1 if no sample was accepted yet. */
  readonly lastAgeNs: bigint;
  readonly authenticated: boolean;
  readonly unanswered: number;
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly questionsLeft: number;
  readonly reach: number;
  /** GNSS common view gives a phase; an NTP server gives the label as well. */
  readonly gives: 'phase' | 'phase and label';
}

/** The next possible leap second, and the list that the node uses. Instants are POSIX seconds. */
export interface LeapView {
  readonly midnight: bigint;
  readonly list: string;
  readonly indicator: string;
  readonly operator: string;
  readonly decision: string;
  readonly tableHash: string;
  readonly tableSource: string;
  readonly tableExpires: bigint;
  readonly tableDaysLeft: number;
  /** Null before the first approval. */
  readonly approved: { readonly hash: string; readonly source: string } | null;
  readonly isApproved: boolean;
  readonly announcements: readonly {
    readonly midnight: bigint;
    readonly change: number;
    readonly reference: string;
    readonly leaf: number;
  }[];
}

export interface ClockView {
  readonly reading: ClockReading;
  readonly sources: readonly ClockSourceView[];
  readonly sourceName: string;
  readonly site: string;
  readonly syncLimitNs: bigint;
  readonly holdLimitNs: bigint;
  readonly leap: LeapView;
}

export interface ClientView {
  readonly device: Device;
  /** In force for this device: the cluster's with the device's own overrides. */
  readonly policy: AuditPolicy;
  readonly connected: boolean;
  readonly lastAudit: Audit | null;
}

export interface AdminDoor {
  status(): NodeStatusView;
  /** Resolves when applied on this node; rejects with an RpcError (refused with its reason, not leader, overloaded, unknown). */
  submit(command: SignedCommandSubmission): Promise<{ leaf: number; raftIndex: number }>;
  clients(device: string | null): readonly ClientView[];
  clock(): ClockView;
  genesis(): Uint8Array;
  /** Resolves with the leader afterwards; rejects NOT_LEADER here, or when nobody took over in time. Null: the best one. */
  transferLeadership(to: string | null): Promise<string | null>;
}

export interface LabDoor {
  /** `done` once, when committed and applied here: leaf index of the first record, or the reason of refusal. */
  append(
    records: readonly Uint8Array[],
    done: (result: { firstLeaf: number } | { refused: string }) => void,
  ): void;
}

export interface NodeDoors {
  readonly clockReading: () => ClockReading;
  /** False while the node has no quorum: time is served but flagged. */
  readonly certified: () => boolean;
  readonly sessions: SessionHost;
  readonly log: LogDoor;
  readonly admin: AdminDoor;
  /** Null unless the genesis says that this cluster is a laboratory. */
  readonly lab: LabDoor | null;
  /**
   * Whether replicated state admits this caller now; asked at the start of every call of a role other than `node`, so
   * that a suspension takes effect at commit. A client needs a registered device and key that is not suspended, a person
   * a registered and unsuspended key. Null admits.
   */
  readonly admission: (caller: Caller) => Refusal | null;
  /**
   * A call was refused with PERMISSION_DENIED or UNAUTHENTICATED, whoever refused it (admission and the other doors
   * too): recorded in the log, floods summarised there. `caller` is null if the certificate names no identity.
   */
  readonly denied: (caller: Caller | null, identity: string, reason: string) => void;
}
