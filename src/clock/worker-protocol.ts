/** What the main thread and the clock worker say to each other. Readings are not among it: they come from shared memory. */

import type { ReleaseWhat } from './core/inputs.js';
import type { SourceConfig, SourceStatus } from './core/source.js';
import type { ClockEvent } from './core/events.js';
import type { PossibleLeap } from './core/leap-keeper.js';
import type { LeapKnowledge } from './core/leap-policy.js';
import type { ClockMemory } from './core/memory.js';
import type { PeerStatus } from './core/peers.js';
import type { ClockProfile } from './core/profile.js';
import type { ChronydTransport } from './chronyd/link.js';
import type { EstablishmentResult } from './nts/key-establishment.js';
import type { NtsTransport } from './nts/link.js';
import type { NtpTransport } from './source-link.js';

export type Transport = NtpTransport | NtsTransport | ChronydTransport;
import type { PeerKey } from './peer-keys.js';

export interface WorkerSource extends SourceConfig {
  readonly transport: Transport;
}

/** Where the peers are found, and where they find this node. UDP. */
export interface WorkerPeers {
  readonly listen: { readonly host: string; readonly port: number };
  readonly peers: readonly { readonly name: string; readonly host: string; readonly port: number }[];
}

export interface WorkerStart {
  readonly shared: SharedArrayBuffer;
  readonly sources: readonly WorkerSource[];
  readonly profile: ClockProfile;
  readonly limits: { readonly syncNs: bigint; readonly holdNs: bigint };
  readonly leap: LeapKnowledge;
  readonly memory: ClockMemory;
  readonly seed: number;
  readonly peering: WorkerPeers | null;
  readonly vmClockPath: string | undefined;
}

export type ToWorker =
  | { readonly kind: 'release'; readonly what: ReleaseWhat; readonly number: number }
  | { readonly kind: 'peerKeys'; readonly peer: string; readonly keys: readonly PeerKey[] }
  | { readonly kind: 'peerRounds'; readonly rounds: number }
  | { readonly kind: 'leapKnowledge'; readonly leap: LeapKnowledge }
  | { readonly kind: 'status'; readonly request: number }
  /** The answer to `establish`. */
  | { readonly kind: 'established'; readonly source: string; readonly result: EstablishmentResult }
  | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'event'; readonly event: ClockEvent }
  | { readonly kind: 'memory'; readonly memory: ClockMemory }
  /** NTS keys are wanted for this source. */
  | { readonly kind: 'establish'; readonly source: string }
  | { readonly kind: 'peerRound' }
  | {
      readonly kind: 'status';
      readonly request: number;
      readonly sources: readonly SourceStatus[];
      readonly peers: readonly PeerStatus[];
      readonly leap: PossibleLeap;
      /** Fitted rate and its standard error, ppb. */
      readonly rate: { readonly ratePpb: number; readonly skewPpb: number } | null;
      /** How late the worker's event loop ran, 99th percentile since start, milliseconds. */
      readonly workerDelayMs: number;
      readonly toSynchronisationNs: bigint | null;
    }
  | { readonly kind: 'stopped'; readonly memory: ClockMemory };
