/** What goes into the clock's pure part and what comes out of it. */

import type { MonoNs } from '../../time/types.js';
import type { ClockEvent, TroubleCode } from './events.js';
import type { HostReport } from './host-report.js';
import type { PeerExchange } from './peer-relation.js';
import type { PeersConfig } from './peers.js';
import type { LeapKnowledge } from './leap-policy.js';
import type { ClockProfile } from './profile.js';
import type { SourceConfig } from './source.js';
import type { Exchange } from './verdict.js';

export interface DisciplineConfig {
  readonly sources: readonly SourceConfig[];
  /** Of the references: what it takes to be synchronised. */
  readonly profile: ClockProfile;
  /** Half-width above which the clock is in holdover, and above which it is out of tolerance. */
  readonly limits: { readonly syncNs: bigint; readonly holdNs: bigint };
  readonly leap: LeapKnowledge;
  /** Spreads the polls of nodes that start together. */
  readonly seed: number;
  /** The other nodes of the cluster; left out where there are none. */
  readonly peers?: PeersConfig;
}

/** When an input happened. */
export interface Moment {
  readonly mono: MonoNs;
  /** Host's wall clock, POSIX ns: for budgets and back-off only. */
  readonly wallNs: bigint;
}

export type ReleaseWhat = 'latch' | 'highWater' | 'leap';

export type ClockInput = Moment &
  (
    | { readonly kind: 'tick' }
    | { readonly kind: 'addresses'; readonly source: string; readonly addresses: readonly string[] }
    | {
        readonly kind: 'answer';
        readonly source: string;
        readonly address: string;
        readonly exchange: Exchange;
      }
    | { readonly kind: 'noAnswer'; readonly source: string; readonly address: string }
    /** The host's chronyd was asked and has answered. */
    | {
        readonly kind: 'hostReport';
        readonly source: string;
        readonly address: string;
        readonly report: HostReport;
      }
    /** A source cannot even be asked; over when it has addresses. */
    | {
        readonly kind: 'trouble';
        readonly source: string;
        readonly code: TroubleCode;
        readonly detail: string;
      }
    | {
        readonly kind: 'peerAnswer';
        readonly peer: string;
        readonly round: number;
        readonly exchange: PeerExchange;
      }
    /** The peers can neither be asked nor answered. */
    | { readonly kind: 'peerSocketFailed'; readonly detail: string }
    /** Somebody waits for the outcome of so many rounds among the peers. */
    | { readonly kind: 'peerRounds'; readonly rounds: number }
    | { readonly kind: 'suspended'; readonly forNs: bigint }
    /** The hypervisor's disruption marker has changed. */
    | { readonly kind: 'machineDisrupted'; readonly detail: string }
    /** The thread that keeps the clock was not run for so long; the oscillator was. */
    | { readonly kind: 'paused'; readonly forNs: bigint }
    | { readonly kind: 'wallStepped'; readonly byNs: bigint }
    /** `number` grows with every release of this node; one that is not larger than the last was carried out before. */
    | { readonly kind: 'release'; readonly what: ReleaseWhat; readonly number: number }
    | { readonly kind: 'leapKnowledge'; readonly leap: LeapKnowledge }
  );

export type ClockEffect =
  | { readonly kind: 'ask'; readonly source: string; readonly address: string }
  | { readonly kind: 'askPeers'; readonly round: number; readonly peers: readonly string[] }
  /** A round among the peers is over. */
  | { readonly kind: 'peerRound' }
  | { readonly kind: 'event'; readonly event: ClockEvent }
  /** Something that must survive a restart has changed. */
  | { readonly kind: 'remember' };
