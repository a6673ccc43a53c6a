/**
 * The envelope of what a person orders: the statement that is signed, and under which domain. What stands inside belongs
 * to whoever names the commands (src/authority/acts.ts; orders about the membership also ./membership-acts.ts, because
 * they are verified offline). The signature is over the statement's stored bytes.
 */

import { taiNs, type TaiNs } from '../time/types.js';
import { isAllowed } from './allow-list.js';
import { bytesOf, concat } from './bytes.js';
import { CborError, encode, type CborObject } from './cbor.js';
import { decodeMap, type CborReader } from './cbor-reader.js';
import type { SignatureAlgorithm, SignatureVerifier } from './crypto.js';

/** A statement with the signature over it, as it was carried and recorded. */
export interface SignedOrder {
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
  /** Name of the person as registered. */
  readonly signer: string;
  /** ecdsa-p256-sha256, ecdsa-p384-sha384 or rsa-pkcs1-sha256. */
  readonly algorithm: string;
}

export interface OrderHead {
  readonly cluster: string;
  /** 16 random bytes; a second statement with the same nonce is refused. */
  readonly nonce: Uint8Array;
  /** Cluster time from which on it has no effect. At most a day ahead. */
  readonly expires: TaiNs;
}

const statementVersion = 1;
export const MAX_STATEMENT = 16_384;
/** In front of whatever a person signs or names by a nonce. */
export const orderDomain = bytesOf('taa command v1\0');

/** What the person signs: a domain separator and the statement's bytes. */
export const orderToBeSigned = (statement: Uint8Array): Uint8Array => concat([orderDomain, statement]);

export const encodeOrder = (head: OrderHead, command: string, body: CborObject): Uint8Array =>
  encode({ v: statementVersion, ...head, command, body });

/** @param names the commands that the reader knows @throws CborError */
export function decodeOrder<const N extends string, T>(
  statement: Uint8Array,
  names: readonly N[],
  read: (command: N, body: CborReader) => T,
): OrderHead & { readonly act: T } {
  return decodeMap(
    statement,
    'statement',
    (reader) => {
      const version = reader.uint('v');
      if (version !== statementVersion) {
        throw new CborError('outOfRange', 'statement.v', `version ${version} is not known`);
      }
      const command = reader.oneOf('command', names);
      return {
        cluster: reader.text('cluster', { max: 253 }),
        nonce: reader.bytes('nonce', { length: 16 }),
        expires: taiNs(reader.int64('expires')),
        act: reader.map('body', (body) => read(command, body)),
      };
    },
    { maxBytes: MAX_STATEMENT, maxDepth: 5 },
  );
}

/** Whether this key signed the order, with an algorithm of the allow-list. Total. */
export function isSignedBy(order: SignedOrder, spki: Uint8Array, verifier: SignatureVerifier): boolean {
  if (!isAllowed(order.algorithm, 'command')) return false;
  // isAllowed knows only names of SignatureAlgorithm for this use.
  const algorithm = order.algorithm as SignatureAlgorithm;
  return verifier.verify(algorithm, spki, orderToBeSigned(order.statement), order.signature);
}
