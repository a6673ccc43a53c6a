/**
 * The whole question that an auditor asks, offline: is this certificate what the authority committed? The statement is
 * signed by the node that it names, under the cluster's root; the receipt proves its two records in a published
 * checkpoint; and the records, the statement and the receipt all speak of the same audit.
 *
 * Trust comes from the genesis alone (or from a policy that the verifier was given); nothing in certificate or receipt
 * can widen it.
 */

import type { TaiNs } from '../time/types.js';
import {
  readCertificateRecord,
  readMeasurementRecord,
  type AuditSubject,
  type RecordedJudgement,
} from './audit-records.js';
import { equalBytes } from './bytes.js';
import type { CheckpointPolicy } from './checkpoint-policy.js';
import type { Checkpoint, CheckpointLines } from './checkpoint.js';
import type { SignatureVerifier } from './crypto.js';
import type { Genesis } from './genesis.js';
import { membershipTrust, type MembershipTrust } from './membership-chain.js';
import { policyOfMembership } from './membership.js';
import { leafHash } from './merkle.js';
import { verifyReceipt, type ReceiptBundle, type ReceiptReason } from './receipt.js';
import {
  verifyStatement,
  type StatementRefusalCode,
  type StatementTrust,
  type VerifiedStatement,
} from './signed-statement.js';
import type { TimeAuditStatement } from './statement.js';

export interface BundleTrust extends StatementTrust {
  readonly clusterId: string;
  readonly policy: CheckpointPolicy;
  /** To follow changes of the members; without it only the lines of `policy` count. */
  readonly membership?: MembershipTrust;
}

/** The trust that a verified genesis gives. @param at when given, the evidence validity must hold this instant */
export function trustOfGenesis(genesis: Genesis, at?: TaiNs): BundleTrust {
  const { clusterId, trustAnchors } = genesis;
  const membership = membershipTrust(genesis);
  const policy = policyOfMembership(membership.first);
  return { clusterId, policy, membership, trustAnchors, ...(at === undefined ? {} : { at }) };
}

export type BundleRefusalCode =
  | StatementRefusalCode
  | 'RECEIPT_MISSING'
  | 'RECEIPT_UNREADABLE'
  | 'RECEIPT_OF_ANOTHER_CERTIFICATE'
  | 'NOT_IN_LOG'
  | 'CHECKPOINT_MALFORMED'
  | 'CHECKPOINT_FORGED'
  | 'OTHER_LOG'
  | 'OTHER_MEMBERS'
  | 'MEMBERS_NOT_PROVEN'
  | 'BELOW_QUORUM'
  | 'BELOW_SITES'
  | 'NO_INDEPENDENT_TIME'
  | 'OTHER_MEASUREMENT'
  | 'OTHER_ISSUANCE'
  | 'OTHER_POLICY';

export interface BundleRefusal {
  readonly ok: false;
  /** Every reason found, the most basic first. */
  readonly codes: readonly BundleRefusalCode[];
  readonly message: string;
}

export interface VerifiedBundle extends Omit<VerifiedStatement, 'ok'> {
  readonly ok: true;
  readonly receipt: ReceiptBundle;
  readonly checkpoint: Checkpoint;
  readonly lines: CheckpointLines;
}

export type BundleVerification = VerifiedBundle | BundleRefusal;

/**
 * Verifies a certificate with its receipt.
 * @param certificate the CMS DER; null takes the one in the receipt
 * @param receipt null when there is none: then nothing shows that the certificate was committed, and it is refused
 * @returns never throws, whatever the bytes
 */
export function verifyCertificateBundle(
  certificate: Uint8Array | null,
  receipt: Uint8Array | null,
  trust: BundleTrust,
  verifier: SignatureVerifier,
): BundleVerification {
  const { policy, membership } = trust;
  const receiptTrust = { policy, verifier, ...(membership === undefined ? {} : { membership }) };
  const first = verifyReceipt(receipt, receiptTrust);
  if (!first.ok) return fromReceipt(first.reasons, first.detail);
  const { bundle } = first;
  if (certificate && !equalBytes(certificate, bundle.certificate)) {
    return refuse([
      ['RECEIPT_OF_ANOTHER_CERTIFICATE', 'the receipt is of another certificate; ask for the right one'],
    ]);
  }
  const statement = verifyStatement(bundle.certificate, trust, verifier);
  if (!statement.ok) return refuse([[statement.code, statement.message]]);
  // Only now is it known whose time-stamp does not count.
  const measurer = statement.statement.auditor.node;
  const verdict = verifyReceipt(receipt, receiptTrust, measurer);
  if (!verdict.ok) return fromReceipt(verdict.reasons, verdict.detail);
  const contradictions = bindingFaults(statement, bundle);
  if (contradictions.length > 0) return refuse(contradictions);
  return { ...statement, receipt: bundle, checkpoint: verdict.checkpoint, lines: verdict.lines };
}

type Fault = readonly [code: BundleRefusalCode, message: string];

/** Where statement, records and receipt do not speak of the same audit. */
function bindingFaults({ statement, signer }: VerifiedStatement, bundle: ReceiptBundle): readonly Fault[] {
  const { measurement, issuance } = bundle;
  const measured = readMeasurementRecord(measurement.leaf);
  const issued = readCertificateRecord(issuance.leaf);
  const checks: readonly (readonly [holds: boolean, ...fault: Fault])[] = [
    [
      statement.serial === measurement.index,
      'OTHER_MEASUREMENT',
      `the serial number ${statement.serial} is not the position ${measurement.index} of the measurement record`,
    ],
    [
      equalBytes(leafHash(measurement.leaf), statement.measurementLeafHash),
      'OTHER_MEASUREMENT',
      'the certificate was made from another measurement record',
    ],
    [
      measured !== null && sameSubject(measured, statement),
      'OTHER_MEASUREMENT',
      'the measurement record is of another device, audit or node',
    ],
    [
      measured !== null && sameNumbers(measured.judgement, statement),
      'OTHER_MEASUREMENT',
      'the certificate states other numbers than the measurement record',
    ],
    [
      issued !== null && equalBytes(issued.der, bundle.certificate),
      'OTHER_ISSUANCE',
      'the issuance record is not that of this certificate',
    ],
    [
      issued !== null && sameSubject(issued, statement) && issued.measurement === measurement.index,
      'OTHER_ISSUANCE',
      'the issuance record is of another device, audit, node or measurement',
    ],
    [
      issuance.index > measurement.index,
      'OTHER_ISSUANCE',
      'the certificate was issued before it was measured',
    ],
    [
      bundle.policyVersion === statement.policy.version &&
        (measured === null || measured.policyVersion === statement.policy.version),
      'OTHER_POLICY',
      `the certificate names policy version ${statement.policy.version}, receipt or record another`,
    ],
    [
      bundle.chain.length === 0 || equalBytes(bundle.chain[0] ?? new Uint8Array(0), signer.der),
      'RECEIPT_OF_ANOTHER_CERTIFICATE',
      'the chain in the receipt is not that of the certificate’s signer',
    ],
  ];
  return checks.filter(([holds]) => !holds).map(([, ...fault]) => fault);
}

const sameSubject = (record: AuditSubject, { audited, auditor, sequence }: TimeAuditStatement): boolean =>
  record.device === audited.device && record.node === auditor.node && record.sequence === sequence;

const sameNumbers = (judged: RecordedJudgement, { verdict, result, legs }: TimeAuditStatement): boolean =>
  judged.verdict === verdict &&
  judged.low === result.low &&
  judged.high === result.high &&
  judged.tsaLow === legs.tsaMinusTaa.low &&
  judged.tsaHigh === legs.tsaMinusTaa.high &&
  judged.delay === legs.tsaMinusTaa.delay;

const receiptCodes: Readonly<Record<ReceiptReason, BundleRefusalCode>> = {
  missing: 'RECEIPT_MISSING',
  unreadable: 'RECEIPT_UNREADABLE',
  badProof: 'NOT_IN_LOG',
  malformed: 'CHECKPOINT_MALFORMED',
  otherLog: 'OTHER_LOG',
  otherMembership: 'OTHER_MEMBERS',
  badMembers: 'MEMBERS_NOT_PROVEN',
  badSignature: 'CHECKPOINT_FORGED',
  belowQuorum: 'BELOW_QUORUM',
  belowSites: 'BELOW_SITES',
  noIndependentTime: 'NO_INDEPENDENT_TIME',
};

const fromReceipt = (reasons: readonly ReceiptReason[], message: string): BundleRefusal => ({
  ok: false,
  codes: reasons.map((reason) => receiptCodes[reason]),
  message,
});

function refuse(faults: readonly Fault[]): BundleRefusal {
  return {
    ok: false,
    codes: [...new Set(faults.map(([code]) => code))],
    message: faults.map(([, message]) => message).join('; '),
  };
}
