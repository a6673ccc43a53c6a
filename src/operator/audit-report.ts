/** What a verification of the log found, in one form for a running node and for a copied data directory. */

import type { TreeHead } from '../audit/types.js';
import type { RecordCounts } from './record-checks.js';

/** `intact`: everything was there and is in order. `incomplete`: what was there is in order. */
export type AuditVerdict = 'intact' | 'incomplete' | 'damaged';

export interface AuditFinding {
  /** Stable; see docs/auditor.md. */
  readonly code: string;
  /** What it is about: a file, a tile, a leaf, a node. */
  readonly where: string;
  readonly detail: string;
  /** Something could not be looked at; nothing contradicts the records. */
  readonly isGap: boolean;
}

export interface AuditReport {
  readonly verdict: AuditVerdict;
  /** The verified tree. */
  readonly head: TreeHead;
  /** Size of the newest verified published checkpoint. */
  readonly published: number;
  /** The newest verified published checkpoint itself, where one was verified. */
  readonly checkpoint?: Uint8Array;
  readonly records: RecordCounts;
  readonly findings: readonly AuditFinding[];
}

export function verdictOf(findings: readonly AuditFinding[]): AuditVerdict {
  if (findings.some(({ isGap }) => !isGap)) return 'damaged';
  return findings.length > 0 ? 'incomplete' : 'intact';
}

export const damage = (code: string, where: string, detail: string): AuditFinding => ({
  code,
  where,
  detail,
  isGap: false,
});
export const gap = (code: string, where: string, detail: string): AuditFinding => ({
  code,
  where,
  detail,
  isGap: true,
});
