/**
 * Whose lines make a checkpoint of which log: the trust that a verifier brings along. Nothing in a note or a receipt
 * can widen it.
 */

import { concat, equalBytes, hexOf } from './bytes.js';
import {
  ED25519_KEY_BYTES,
  SIGNATURE_TYPE_COSIGNATURE_V1,
  SIGNATURE_TYPE_ED25519,
  formatVerifierKey,
  keyIdOf,
} from './note.js';

export interface CheckpointNode {
  /** Node name, as in its identity. */
  readonly name: string;
  readonly site: string;
  /** Ed25519 log key: 32 bytes, or its DER SubjectPublicKeyInfo. */
  readonly key: Uint8Array;
}

export interface CheckpointPolicyFacts {
  /** First line of every checkpoint of the log; see `logOrigin`. */
  readonly origin: string;
  readonly nodes: readonly CheckpointNode[];
  /** Plain lines needed. */
  readonly quorum: number;
  /** Sites that these must come from. */
  readonly distinctSites: number;
  /** Which membership the nodes are; the first one, which a checkpoint does not name, if left out. */
  readonly membership?: MembershipLabel | null;
  readonly previous?: CheckpointPolicy | null;
}

/** Names a membership: its number, and the hash of what it is. See ./membership.ts. */
export interface MembershipLabel {
  readonly version: number;
  readonly hash: Uint8Array;
}

/** A node with what its lines are recognised and verified by. */
export interface PolicyNode {
  readonly name: string;
  readonly site: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly spki: Uint8Array;
  /** Plain lines carry the log's name, time-stamped ones the node's own. */
  readonly plainKeyId: string;
  readonly cosignatureName: string;
  readonly cosignatureKeyId: string;
}

export interface CheckpointPolicy {
  readonly origin: string;
  readonly nodes: readonly PolicyNode[];
  readonly quorum: number;
  readonly distinctSites: number;
  /** What the checkpoints say of it; null for the first membership, of which they say nothing. */
  readonly membership: MembershipLabel | null;
  /**
   * Set while the change to this membership is not attested: a checkpoint is then published only if the nodes of the
   * membership before suffice as well. So nobody becomes a cosigner by the word of new cosigners alone.
   */
  readonly previous: CheckpointPolicy | null;
}

/** All nodes whose lines can matter: those of the policy, and of the one before while that counts. */
export function nodesOf({ nodes, previous }: CheckpointPolicy): readonly PolicyNode[] {
  const before = previous?.nodes.filter(({ name }) => !nodes.some((node) => node.name === name)) ?? [];
  return before.length === 0 ? nodes : [...nodes, ...before];
}

export function sameMembership(a: MembershipLabel | null, b: MembershipLabel | null): boolean {
  if (a === null || b === null) return a === b;
  return a.version === b.version && equalBytes(a.hash, b.hash);
}

/** A trust policy that cannot be meant: unusable keys, or a quorum that nobody or everybody reaches. */
export class CheckpointPolicyError extends Error {
  override readonly name = 'CheckpointPolicyError';
  readonly code = 'CHECKPOINT_POLICY_INVALID';
}

/** The name of a cluster's log. */
export function logOrigin(clusterId: string): string {
  return `${clusterId}/log`;
}

/** @throws CheckpointPolicyError */
export function checkpointPolicy(facts: CheckpointPolicyFacts): CheckpointPolicy {
  const { origin, quorum, distinctSites } = facts;
  if (!/^[^\s+]+$/u.test(origin)) throw invalid('the origin is empty or holds spaces or a plus sign');
  const nodes = facts.nodes.map((node) => policyNode(origin, node));
  requireDistinct(
    'node names',
    nodes.map((node) => node.name),
  );
  // Ed25519 cosignatures do not name the cosigner: two nodes with one key would count twice.
  requireDistinct(
    'log keys',
    nodes.map((node) => hexOf(node.key)),
  );
  requireDistinct(
    'key ids',
    nodes.flatMap((node) => [node.plainKeyId, node.cosignatureKeyId]),
  );
  if (!isWithin(quorum, 1, nodes.length)) throw invalid(`quorum ${quorum} is not within 1 … ${nodes.length}`);
  const sites = Math.min(quorum, new Set(nodes.map((node) => node.site)).size);
  if (!isWithin(distinctSites, 1, sites))
    throw invalid(`distinctSites ${distinctSites} is not within 1 … ${sites}`);
  const { membership = null, previous = null } = facts;
  return { origin, nodes, quorum, distinctSites, membership, previous };
}

/** The keys of a policy for other tools, two lines a node. */
export function verifierKeys(policy: CheckpointPolicy): string[] {
  return policy.nodes.flatMap(({ key, cosignatureName }) => [
    formatVerifierKey({ name: policy.origin, signatureType: SIGNATURE_TYPE_ED25519, key }),
    formatVerifierKey({ name: cosignatureName, signatureType: SIGNATURE_TYPE_COSIGNATURE_V1, key }),
  ]);
}

function policyNode(origin: string, { name, site, key }: CheckpointNode): PolicyNode {
  if (!/^[^\s+/]+$/u.test(name)) throw invalid(`node name ${JSON.stringify(name)} is not allowed`);
  const raw = rawKey(key);
  if (raw === null) throw invalid(`the log key of ${name} is not an Ed25519 public key`);
  if (isWeakKey(raw))
    throw invalid(`the log key of ${name} is of low order or not canonical; make a new key`);
  const cosignatureName = `${origin}/${name}`;
  return {
    name,
    site,
    key: raw,
    spki: concat([SPKI_PREFIX, raw]),
    plainKeyId: keyIdOf(origin, SIGNATURE_TYPE_ED25519, raw),
    cosignatureName,
    cosignatureKeyId: keyIdOf(cosignatureName, SIGNATURE_TYPE_COSIGNATURE_V1, raw),
  };
}

/** SEQUENCE { SEQUENCE { id-Ed25519 }, BIT STRING (32 bytes) }, RFC 8410. */
const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

function rawKey(key: Uint8Array): Uint8Array | null {
  if (key.length === ED25519_KEY_BYTES) return key;
  const isSpki =
    key.length === SPKI_PREFIX.length + ED25519_KEY_BYTES &&
    equalBytes(key.subarray(0, SPKI_PREFIX.length), SPKI_PREFIX);
  return isSpki ? key.subarray(SPKI_PREFIX.length) : null;
}

/** y coordinates of the points of small order, without the sign bit; whoever has such a key can sign anything. */
const LOW_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

/** OpenSSL accepts such keys, so they are refused where keys enter: here. */
function isWeakKey(raw: Uint8Array): boolean {
  const y = Uint8Array.from(raw);
  y[31] = (y[31] as number) & 0x7f;
  const beyondField =
    (y[0] as number) >= 0xed && y.subarray(1, 31).every((byte) => byte === 0xff) && y[31] === 0x7f;
  return beyondField || LOW_ORDER.has(hexOf(y));
}

function requireDistinct(what: string, values: readonly string[]): void {
  if (new Set(values).size !== values.length) throw invalid(`${what} repeat`);
}

function isWithin(value: number, low: number, high: number): boolean {
  return Number.isSafeInteger(value) && value >= low && value <= high;
}

function invalid(detail: string): CheckpointPolicyError {
  return new CheckpointPolicyError(`checkpoint policy: ${detail}`);
}
