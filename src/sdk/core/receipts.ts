/**
 * Whether a receipt proves the pass that a node claims: signed by a node of this cluster, in the log, covered by a
 * checkpoint of a majority, and about this device, this audit and this request. What is believed comes from the genesis
 * alone; a node can only show evidence.
 */

import { equalBytes } from '../../verify/bytes.js';
import { isMap } from '../../verify/cbor-reader.js';
import { decode } from '../../verify/cbor.js';
import { verifyCertificateBundle } from '../../verify/certificate-bundle.js';
import type { BundleTrust, VerifiedBundle } from '../../verify/certificate-bundle.js';
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
  return certificateOf(verified(receipt, trust, verifier).statement, receipt);
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
  const { statement, receipt: bundle } = verified(receipt, trust, verifier);
  const { audited, sequence, verdict } = statement;
  if (audited.device !== claim.device) refuse(`it is of the device ${audited.device}`);
  if (sequence !== claim.sequence) refuse(`it is of audit ${sequence}, not ${claim.sequence}`);
  if (verdict !== 'pass') refuse(`its verdict is ${verdict}`);
  // The nonces in what was signed are of this run and this request: no old measurement rests on it.
  const signed = clientStatementOf(bundle.measurement.leaf);
  if (signed === null || !claim.statements.some((statement) => equalBytes(statement, signed))) {
    refuse(
      'the measurement does not rest on what this TSA signed for this request: an old one is shown again',
    );
  }
  return certificateOf(statement, receipt);
}

function refuse(why: string): never {
  throw new ReceiptRefusedError(why);
}

/** What the measurement record says that the client signed; null if the record says nothing of it. */
export function clientStatementOf(leaf: Uint8Array): Uint8Array | null {
  const record = decode(leaf);
  const statement = isMap(record) ? record.get('clientStatement') : undefined;
  return statement instanceof Uint8Array ? statement : null;
}

function verified(receipt: Uint8Array, trust: BundleTrust, verifier: SignatureVerifier): VerifiedBundle {
  const verdict = verifyCertificateBundle(null, receipt, trust, verifier);
  if (!verdict.ok) throw new ReceiptRefusedError(`${verdict.codes.join(', ')}: ${verdict.message}`);
  return verdict;
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
