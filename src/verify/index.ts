/**
 * `taa/verify`: everything that is needed to verify evidence offline, without a server and without trust in anybody's
 * word but the keys that the verifier brings along. Pure: no files, no network, no clock.
 */

// Time-audit statements: what a certificate says, and that its node signed it.
export { decodeStatement, StatementError, type TimeAuditStatement } from './statement.js';
export {
  covers,
  verifyStatement,
  type StatementRefusal,
  type StatementTrust,
  type StatementVerification,
  type VerifiedStatement,
} from './signed-statement.js';

// The whole question: certificate and receipt together, against the trust that a genesis gives.
export {
  trustOfGenesis,
  verifyCertificateBundle,
  type BundleRefusal,
  type BundleRefusalCode,
  type BundleTrust,
  type BundleVerification,
  type VerifiedBundle,
} from './certificate-bundle.js';

// Receipts: that a certificate's records stand in the log.
export {
  RECEIPT_VERSION,
  decodeReceipt,
  encodeReceipt,
  verifyReceipt,
  type ProvenLeaf,
  type ReceiptBundle,
  type ReceiptReason,
  type ReceiptTrust,
  type ReceiptVerdict,
} from './receipt.js';

// The log: checkpoints of a cluster, and proofs in its tree.
export {
  CheckpointPolicyError,
  checkpointPolicy,
  logOrigin,
  verifierKeys,
  type CheckpointNode,
  type CheckpointPolicy,
  type CheckpointPolicyFacts,
} from './checkpoint-policy.js';
export {
  readCheckpoint,
  verifyCheckpoint,
  type Checkpoint,
  type CheckpointLines,
  type CheckpointReason,
  type CheckpointVerdict,
  type TimestampedLine,
} from './checkpoint.js';
export {
  EMPTY_ROOT,
  inclusionRoot,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from './merkle.js';
export { NoteError, formatNote, parseNote, parseVerifierKey, type Note, type NoteSignature } from './note.js';
export { formatTlogProof, parseTlogProof, type TlogProof } from './tlog-proof.js';

// The members and how they changed, followed from the genesis by signed orders and attesting checkpoints.
export {
  decodeMembershipSteps,
  followMembership,
  membershipTrust,
  type FollowedMembership,
  type MembershipStep,
  type MembershipTrust,
} from './membership-chain.js';
export type { Member, Membership } from './membership.js';

// The genesis document: from it a verifier knows a cluster's nodes, keys, quorum and trust anchors.
export { GenesisError, verifyGenesis, type Genesis, type VerifiedGenesis } from './genesis.js';

// Who speaks, and with which cryptography.
export { IdentityError, formatIdentity, parseIdentity, type Identity, type Role } from './identity.js';
export { AlgorithmNotAllowedError, allowList, allowListExceptions, requireAllowed } from './allow-list.js';
export { taaOids } from './oids.js';

// The encoding of records.
export {
  CborError,
  decode as decodeCbor,
  encode as encodeCbor,
  type CborInput,
  type CborValue,
} from './cbor.js';
export { CborReader, decodeMap } from './cbor-reader.js';

export { nodeVerifier, sha256, type SignatureAlgorithm, type SignatureVerifier } from './crypto.js';
