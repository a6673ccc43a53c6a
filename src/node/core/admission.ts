/**
 * Who may open a session, and when this node may measure: judged by replicated state and by the node's own condition, at the
 * moment of asking, so that a suspension takes effect at commit.
 */

import type { Authority } from '../../authority/api.js';
import { clockReason } from '../../authority/verdict.js';
import { nextPossibleLeap } from '../../clock/core/leap-policy.js';
import type { ClockReading } from '../../time/types.js';
import type { Refusal } from '../../wire/messages.js';
import { holdsKey } from './audit-session.js';

/** A caller as the TLS handshake proved it. */
export interface AdmittedCaller {
  readonly identity: string;
  readonly role: string;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
}

/**
 * Whether replicated state admits this caller; null admits. People are admitted by certificate and role: whatever they
 * order is signed with a registered key and judged at apply.
 */
export function admission(authority: Authority, caller: AdmittedCaller): Refusal | null {
  if (caller.role !== 'client') return null;
  const device = authority.deviceByIdentity(caller.identity);
  if (device === undefined) {
    return { reason: 'CLIENT_NOT_REGISTERED', detail: `${caller.identity} is not registered` };
  }
  if (!holdsKey(device, caller.spki)) {
    return {
      reason: 'CREDENTIAL_NOT_REGISTERED',
      detail: 'the key is not registered for this device, or suspended',
    };
  }
  return null;
}

/**
 * Whether something issued now could still permit issuing when a leap second in doubt takes place.
 * @param lease longest permission that may be given now, ns
 */
export function leapRefusal(reading: ClockReading, lease: bigint): Refusal | null {
  const across =
    reading.leap === 'infoStale' &&
    reading.latest + lease >= nextPossibleLeap(reading.earliest, reading.taiMinusUtc);
  return across || reading.leap === 'doubtful'
    ? {
        reason: 'LEAP_TABLE_STALE',
        detail: 'whether the coming or last midnight has a leap second is in doubt',
      }
    : null;
}

/** Why a clock in this condition may not measure, or null. @param limit half-width allowed by policy, ns */
export function clockRefusal(reading: ClockReading, limit: bigint): Refusal | null {
  if (reading.peers === 'disagree' && clockReason(reading.state) === null)
    return { reason: 'CLOCK_DISPUTED', detail: 'another clock of the cluster contradicts this one' };
  switch (reading.state) {
    case 'synchronised':
    case 'holdover':
      return (reading.latest - reading.earliest) / 2n > limit
        ? { reason: 'CLOCK_OUT_OF_TOLERANCE', detail: 'the bound of the clock exceeds the policy' }
        : null;
    case 'disrupted':
      return { reason: 'CLOCK_DISRUPTED', detail: 'the clock was disrupted' };
    case 'quarantined':
      return { reason: 'CLOCK_QUARANTINED', detail: 'the clock waits for an operator' };
    case 'outOfTolerance':
      return { reason: 'CLOCK_OUT_OF_TOLERANCE', detail: 'the clock is out of tolerance' };
    case 'unsynchronised':
    case 'acquiring':
      return { reason: 'CLOCK_NOT_SYNCHRONISED', detail: 'the clock is not synchronised yet' };
  }
}
