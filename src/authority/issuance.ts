/**
 * What the measuring node has to do next, from the replicated state alone: whoever restarts in the middle of the
 * pipeline finds here exactly where it stood.
 *
 * A measurement is confirmed only by the run and the clock epoch that made it, after a later sample of the reference or
 * two later rounds in which a majority of the clocks agreed: then the clock was right before and after. Once confirmed it
 * rests on committed facts, and any later run may sign it.
 */

import type { Authority, IssuanceStep } from './api.js';
import type { Audit, ConfirmBy, MeasurementFacts } from './model.js';
import { equalBytes } from '../verify/bytes.js';

/** The node's clock now. */
export interface IssuingClock {
  readonly run: Uint8Array;
  readonly epoch: number;
  /** Accepted reference samples since start. */
  readonly samples: number;
  /** Rounds among the peers since start in which a majority agreed with this clock. */
  readonly peerRounds: number;
  /** The clock is within policy and the node whole: false holds confirming and signing back. */
  readonly mayIssue: boolean;
}

/** The first may have begun before the measurement ended; the second began after it. */
export const ROUNDS_TO_CONFIRM = 2;

/** What of a clock confirms a measurement, or null. The run is looked at by the caller. */
export function confirmedBy(
  how: ConfirmBy,
  facts: Pick<MeasurementFacts, 'clockEpoch' | 'clockSamples' | 'peerRounds'>,
  clock: Pick<IssuingClock, 'epoch' | 'samples' | 'peerRounds'>,
): ConfirmBy | null {
  if (clock.epoch !== facts.clockEpoch) return null;
  if (clock.samples > facts.clockSamples) return 'reference';
  return how === 'peers' && clock.peerRounds >= facts.peerRounds + ROUNDS_TO_CONFIRM ? 'peers' : null;
}

/** The steps to make now, oldest audit first. `alreadyAsked` leaves out what is under way. */
export function nextSteps(
  authority: Authority,
  node: string,
  clock: IssuingClock,
  alreadyAsked: (audit: Audit, kind: IssuanceStep['kind']) => boolean,
): IssuanceStep[] {
  const steps: IssuanceStep[] = [];
  for (const audit of authority.pending(node)) {
    const step = stepOf(authority, audit, clock, alreadyAsked);
    if (step !== null && !alreadyAsked(audit, step.kind)) steps.push(step);
  }
  return steps;
}

function stepOf(
  authority: Authority,
  audit: Audit,
  clock: IssuingClock,
  alreadyAsked: (audit: Audit, kind: IssuanceStep['kind']) => boolean,
): IssuanceStep | null {
  switch (audit.stage) {
    case 'measured': {
      const { facts } = audit;
      if (!equalBytes(facts.run, clock.run)) return { kind: 'void', audit, reason: 'NOT_CONFIRMED' };
      if (facts.clockEpoch !== clock.epoch) return { kind: 'void', audit, reason: 'CLOCK_DISRUPTED' };
      const by = confirmedBy(authority.policy().confirmBy, facts, clock);
      return clock.mayIssue && by !== null ? { kind: 'confirm', audit } : null;
    }
    case 'confirmed': {
      if (!clock.mayIssue || alreadyAsked(audit, 'sign')) return null;
      const toBeSigned = authority.toBeSigned(audit);
      return toBeSigned === null
        ? { kind: 'void', audit, reason: 'NOT_ISSUED_IN_TIME' }
        : { kind: 'sign', audit, toBeSigned };
    }
    case 'issued':
      return null;
  }
}
