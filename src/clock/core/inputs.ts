/** What goes into the clock's pure part and what comes out of it. */

import type { LeapTable } from '../../time/leap-table.js';
import type { MonoNs } from '../../time/types.js';
import type { ClockEvent, TroubleCode } from './events.js';
import type { HostReport } from './host-report.js';
import type { ClockProfile } from './profile.js';
import type { SourceConfig } from './source.js';
import type { Exchange } from './verdict.js';

export interface DisciplineConfig {
  readonly sources: readonly SourceConfig[];
  /** Of the references: what it takes to be synchronised. */
  readonly profile: ClockProfile;
  /** Half-width above which the clock is in holdover, and above which it is out of tolerance. */
  readonly limits: { readonly syncNs: bigint; readonly holdNs: bigint };
  readonly table: LeapTable;
  /** Spreads the polls of nodes that start together. */
  readonly seed: number;
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
    | { readonly kind: 'suspended'; readonly forNs: bigint }
    | { readonly kind: 'wallStepped'; readonly byNs: bigint }
    | { readonly kind: 'release'; readonly what: ReleaseWhat }
  );

export type ClockEffect =
  | { readonly kind: 'ask'; readonly source: string; readonly address: string }
  | { readonly kind: 'event'; readonly event: ClockEvent }
  /** Something that must survive a restart has changed. */
  | { readonly kind: 'remember' };
