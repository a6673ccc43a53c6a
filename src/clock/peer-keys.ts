/**
 * How two nodes agree on the keys of their clock datagrams: each makes an ephemeral P-256 key, tells the public half over
 * the mutually authenticated network between nodes, and both derive the same keys from the secret that only they can
 * compute (ECDH, then HKDF-SHA-256, RFC 5869). Nothing secret is sent, stored or logged; a new key is made every hour, and
 * with the old one gone, what was sent under it cannot be forged any more.
 *
 * An offer is a CBOR map {v, key, have}: the sender's public key, and the first 8 octets of SHA-256 over the receiver's key
 * that the sender holds (empty if none). The network may lose offers: they are repeated until both hold both keys.
 */

import { createECDH, createHash, hkdfSync } from 'node:crypto';
import type { ECDH } from 'node:crypto';
import { requireAllowed } from '../verify/allow-list.js';
import { equalBytes } from '../verify/bytes.js';
import { encode } from '../verify/cbor.js';
import { decodeMap, parse } from '../verify/cbor-reader.js';

/** The two keys of a pair, one a direction, as one of the two sees them. AES-128. */
export interface PeerKey {
  /** The same on both sides. */
  readonly id: number;
  readonly outgoing: Uint8Array;
  readonly incoming: Uint8Array;
  /** The peer is known to hold it too. */
  readonly shared: boolean;
}

export interface PeerKeyOptions {
  readonly cluster: string;
  readonly node: string;
  readonly peers: readonly string[];
  /** To one peer, over the authenticated network; may be lost. */
  readonly send: (to: string, offer: Uint8Array) => void;
  /** The keys of a pair have changed; newest first. */
  readonly onKeys: (peer: string, keys: readonly PeerKey[]) => void;
  /** Milliseconds; default one hour. */
  readonly rotateEveryMs?: number;
}

const OFFER_VERSION = 1;
const POINT_BYTES = 65;
const HAVE_BYTES = 8;
const KEY_BYTES = 16;
const DOMAIN = 'taa peer clock v1';
const ROTATE_MS = 3_600_000;
const REPEAT_MS = 250;
const ANSWER_MS = 1_000;
/** Once agreed, in case the peer has lost its memory. */
const REMIND_MS = 10_000;

interface Pair {
  readonly peer: string;
  /** The peer's public key. */
  theirs: Uint8Array | null;
  /** Of the newest offer: which of our keys the peer holds. */
  theyHave: Uint8Array;
  keys: readonly PeerKey[];
  offeredAt: number;
}

export interface KeyOffer {
  readonly key: Uint8Array;
  readonly have: Uint8Array;
}

export function encodeOffer({ key, have }: KeyOffer): Uint8Array {
  return encode({ v: OFFER_VERSION, key, have });
}

/** Null for anything that is not an offer. */
export function decodeOffer(bytes: Uint8Array): KeyOffer | null {
  const read = parse(() =>
    decodeMap(
      bytes,
      'offer',
      (reader) => {
        const version = reader.uint('v');
        const key = reader.bytes('key', { length: POINT_BYTES });
        const have = reader.bytes('have', { max: HAVE_BYTES });
        return version === OFFER_VERSION ? { key, have } : null;
      },
      { maxBytes: 256, maxDepth: 2 },
    ),
  );
  return read.ok ? read.value : null;
}

const nameOf = (key: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(key).digest().subarray(0, HAVE_BYTES));

export class PeerKeyAgreement {
  readonly #options: PeerKeyOptions;
  readonly #pairs: ReadonlyMap<string, Pair>;
  readonly #timer: NodeJS.Timeout;
  #own: ECDH;
  #public: Uint8Array;
  #madeAt = 0;

  constructor(options: PeerKeyOptions) {
    requireAllowed('ecdh-p256', 'key-agreement');
    requireAllowed('hmac-sha-256', 'key-agreement');
    requireAllowed('aes-128-cmac', 'mac');
    this.#options = options;
    this.#pairs = new Map(
      options.peers.map((peer) => [
        peer,
        { peer, theirs: null, theyHave: new Uint8Array(0), keys: [], offeredAt: Number.NEGATIVE_INFINITY },
      ]),
    );
    [this.#own, this.#public] = newKey();
    this.#madeAt = performance.now();
    this.#timer = setInterval(() => this.#tick(), REPEAT_MS);
    this.#timer.unref();
  }

  receive(from: string, bytes: Uint8Array): void {
    const pair = this.#pairs.get(from);
    const offer = pair === undefined ? null : decodeOffer(bytes);
    if (pair === undefined || offer === null) return;
    const known = pair.theirs !== null && equalBytes(pair.theirs, offer.key);
    pair.theyHave = offer.have;
    pair.theirs = offer.key;
    this.#derive(pair);
    // The peer does not know our key, or cannot know that we know its: it is told at once. An answer to an answer is none.
    const lately = performance.now() - pair.offeredAt < ANSWER_MS;
    if (!known || !equalBytes(offer.have, nameOf(this.#public)) || !lately) this.#offer(pair);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    if (now - this.#madeAt >= (this.#options.rotateEveryMs ?? ROTATE_MS)) {
      [this.#own, this.#public] = newKey();
      this.#madeAt = now;
      for (const pair of this.#pairs.values()) {
        this.#derive(pair);
        this.#offer(pair);
      }
      return;
    }
    for (const pair of this.#pairs.values()) {
      const agreed = pair.keys[0]?.shared === true;
      if (now - pair.offeredAt >= (agreed ? REMIND_MS : REPEAT_MS)) this.#offer(pair);
    }
  }

  #offer(pair: Pair): void {
    pair.offeredAt = performance.now();
    const have = pair.theirs === null ? new Uint8Array(0) : nameOf(pair.theirs);
    this.#options.send(pair.peer, encodeOffer({ key: this.#public, have }));
  }

  /** The newest key of the pair, with the one before it, which the peer may still use. */
  #derive(pair: Pair): void {
    if (pair.theirs === null) return;
    const made = this.#derived(pair.peer, pair.theirs);
    // A point that is not on the curve: an offer that no honest peer makes.
    if (made === null) return;
    const shared = equalBytes(pair.theyHave, nameOf(this.#public));
    const before = pair.keys.filter(({ id }) => id !== made.id);
    // Until the peer has the newest, the one that both had goes on.
    const kept = shared ? before.slice(0, 1) : before.filter((key) => key.shared).slice(0, 1);
    const newest = pair.keys.find(({ id }) => id === made.id);
    if (newest?.shared === shared) return;
    pair.keys = [{ ...made, shared }, ...kept];
    this.#options.onKeys(pair.peer, pair.keys);
  }

  #derived(peer: string, theirs: Uint8Array): Omit<PeerKey, 'shared'> | null {
    const { cluster, node } = this.#options;
    let secret: Uint8Array;
    try {
      secret = this.#own.computeSecret(theirs);
    } catch {
      return null;
    }
    const [first, second] = [this.#public, theirs].sort((a, b) => Buffer.compare(a, b));
    const salt = createHash('sha256')
      .update(`${DOMAIN}\0${cluster}\0`)
      .update(first as Uint8Array)
      .update(second as Uint8Array)
      .digest();
    const derive = (what: string, length: number): Uint8Array =>
      new Uint8Array(hkdfSync('sha256', secret, salt, `${DOMAIN} ${what}`, length));
    return {
      id: new DataView(derive('id', 4).buffer).getUint32(0),
      outgoing: derive(`${node}>${peer}`, KEY_BYTES),
      incoming: derive(`${peer}>${node}`, KEY_BYTES),
    };
  }
}

function newKey(): [ECDH, Uint8Array] {
  const own = createECDH('prime256v1');
  return [own, new Uint8Array(own.generateKeys())];
}
