/** Log keys for tests: Ed25519 keys from fixed seeds, so that fixtures are the same in every run. */

import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import {
  checkpointPolicy,
  type CheckpointPolicy,
  type PolicyNode,
} from '../../src/verify/checkpoint-policy.js';
import {
  cosignatureLine,
  cosignatureMessage,
  checkpointText,
  plainLine,
  plainMessage,
  type Checkpoint,
} from '../../src/verify/checkpoint.js';
import { formatNote, type NoteSignature } from '../../src/verify/note.js';

export interface LogKey {
  readonly raw: Uint8Array;
  readonly spki: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** RFC 8410 PKCS#8 of an Ed25519 seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export function logKey(seed: number): LogKey {
  const key: KeyObject = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, Buffer.alloc(32, seed)]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  return { raw: spki.slice(-32), spki, sign: (message) => new Uint8Array(sign(null, message, key)) };
}

export const ORIGIN = 'taa.example/log';
export const NODES = ['tokyo', 'osaka', 'naha'] as const;
export const keys: ReadonlyMap<string, LogKey> = new Map(NODES.map((name, i) => [name, logKey(i + 1)]));

export function testPolicy(
  changes: { quorum?: number; distinctSites?: number; origin?: string } = {},
): CheckpointPolicy {
  return checkpointPolicy({
    origin: ORIGIN,
    nodes: NODES.map((name) => ({ name, site: `site-${name}`, key: (keys.get(name) as LogKey).raw })),
    quorum: 2,
    distinctSites: 2,
    ...changes,
  });
}

export function nodeOf(policy: CheckpointPolicy, name: string): PolicyNode {
  const node = policy.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}

export function plainBy(policy: CheckpointPolicy, name: string, checkpoint: Checkpoint): NoteSignature {
  return plainLine(policy, nodeOf(policy, name), (keys.get(name) as LogKey).sign(plainMessage(checkpoint)));
}

export function stampedBy(
  policy: CheckpointPolicy,
  name: string,
  checkpoint: Checkpoint,
  seconds: number,
): NoteSignature {
  const signature = (keys.get(name) as LogKey).sign(cosignatureMessage(checkpoint, seconds));
  return cosignatureLine(nodeOf(policy, name), seconds, signature);
}

export const SECONDS = 1_764_000_000;

/** A note with plain lines of `plain` and time-stamped lines of `stamped`. */
export function signedNote(
  checkpoint: Checkpoint,
  plain: readonly string[],
  stamped: readonly string[],
): Uint8Array {
  const policy = testPolicy();
  return formatNote({
    text: checkpointText(checkpoint),
    signatures: [
      ...plain.map((name) => plainBy(policy, name, checkpoint)),
      ...stamped.map((name) => stampedBy(policy, name, checkpoint, SECONDS)),
    ],
  });
}
