/**
 * Whether a receipt proves the pass that a node claims: signed by a node of this cluster, in the log, covered by a
 * checkpoint of a majority, and about this device, this audit and this request. What is believed comes from the genesis
 * alone; a node can only show evidence.
 */

import type { TaiNs } from '../../time/types.js';
import { verifyCertificateBundle } from '../../verify/certificate-bundle.js';
import type { BundleTrust } from '../../verify/certificate-bundle.js';
import type { SignatureVerifier } from '../../verify/crypto.js';
import type { TimeAuditStatement } from '../../verify/statement.js';
import type { ReceiptClaim, VerifiedCertificate } from './events.js';

/** Why a receipt is not believed. */
export class ReceiptRefusedError extends Error {
  override readonly name = 'ReceiptRefusedError';
  readonly code = 'VERIFICATION_FAILED';
}

/**
 * Verifies a receipt as evidence, without asking whose audit it was: for stored receipts.
 * @throws ReceiptRefusedError
 */
export function readReceipt(
  receipt: Uint8Array,
  trust: BundleTrust,
  verifier: SignatureVerifier,
): VerifiedCertificate {
  return certificateOf(verified(receipt, trust, verifier), receipt);
}

/**
 * Verifies a receipt that a node sent for an audit under way.
 * @throws ReceiptRefusedError also when it is sound evidence, but of something else
 */
export function verifyClaim(
  receipt: Uint8Array,
  claim: ReceiptClaim,
  trust: BundleTrust,
  verifier: SignatureVerifier,
): VerifiedCertificate {
  const statement = verified(receipt, trust, verifier);
  const { audited, sequence, verdict, measuredAt } = statement;
  if (audited.device !== claim.device) throw new ReceiptRefusedError(`it is of the device ${audited.device}`);
  if (sequence !== claim.sequence)
    throw new ReceiptRefusedError(`it is of audit ${sequence}, not ${claim.sequence}`);
  if (verdict !== 'pass') throw new ReceiptRefusedError(`its verdict is ${verdict}`);
  if (isBefore(measuredAt.latest, claim.notBefore)) {
    throw new ReceiptRefusedError(
      'it was measured before the audit was requested: an old one is shown again',
    );
  }
  return certificateOf(statement, receipt);
}

const isBefore = (instant: TaiNs, bound: TaiNs | null): boolean => bound !== null && instant < bound;

function verified(receipt: Uint8Array, trust: BundleTrust, verifier: SignatureVerifier): TimeAuditStatement {
  const verdict = verifyCertificateBundle(null, receipt, trust, verifier);
  if (!verdict.ok) throw new ReceiptRefusedError(`${verdict.codes.join(', ')}: ${verdict.message}`);
  return verdict.statement;
}

function certificateOf(statement: TimeAuditStatement, receipt: Uint8Array): VerifiedCertificate {
  const { audited, auditor, sequence, serial, measuredAt, result, lease, validity } = statement;
  return {
    device: audited.device,
    node: auditor.node,
    sequence,
    serial,
    measuredAt: measuredAt.latest,
    evidenceUntil: validity.to.tai,
    low: result.low,
    high: result.high,
    lease,
    receipt,
  };
}
