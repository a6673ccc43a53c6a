/** What the main thread and the clock worker say to each other. Readings are not among it: they come from shared memory. */

import type { LeapTable } from '../time/leap-table.js';
import type { ReleaseWhat } from './core/inputs.js';
import type { SourceConfig, SourceStatus } from './core/source.js';
import type { ClockEvent } from './core/events.js';
import type { ClockMemory } from './core/memory.js';
import type { ClockProfile } from './core/profile.js';
import type { NtpKey } from './mac.js';

export interface WorkerSource extends SourceConfig {
  readonly host: string;
  readonly port: number;
  readonly key: NtpKey | null;
}

export interface WorkerStart {
  readonly shared: SharedArrayBuffer;
  readonly sources: readonly WorkerSource[];
  readonly profile: ClockProfile;
  readonly limits: { readonly syncNs: bigint; readonly holdNs: bigint };
  readonly table: LeapTable;
  readonly memory: ClockMemory;
  readonly seed: number;
}

export type ToWorker =
  | { readonly kind: 'release'; readonly what: ReleaseWhat }
  | { readonly kind: 'status'; readonly request: number }
  | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'event'; readonly event: ClockEvent }
  | { readonly kind: 'memory'; readonly memory: ClockMemory }
  | { readonly kind: 'status'; readonly request: number; readonly sources: readonly SourceStatus[] }
  | { readonly kind: 'stopped'; readonly memory: ClockMemory };
