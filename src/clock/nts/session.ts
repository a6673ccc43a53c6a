/**
 * What an NTS client holds for one server (RFC 8915 §5.7): two keys and a jar of cookies. Each cookie is sent once, and
 * each authenticated answer refills the jar, so that questions cannot be linked by them.
 *
 * When the cookies are used up, or the server says that it does not know them (NTSN), keys must be established anew. That
 * message is not authenticated: it is believed only if the question gets no true answer within its window, and key
 * establishments are spaced out, the further the less they help.
 */

import { randomBytes } from 'node:crypto';
import { decodeNtp, refidText } from '../core/ntp-packet.js';
import {
  NONCE_BYTES,
  UNIQUE_IDENTIFIER_BYTES,
  appendAuthenticator,
  carriesIdentifier,
  cookiesIn,
  placeholdersFor,
  questionBody,
  sealedAnswer,
} from '../core/nts-fields.js';
import { MAX_COOKIES } from '../core/nts-records.js';
import type { Protect, ProtectedQuestion } from '../protection.js';
import { open, seal } from './aead.js';

export interface NtsKeys {
  readonly clientToServer: Uint8Array;
  readonly serverToClient: Uint8Array;
  readonly cookies: readonly Uint8Array[];
}

/** Between two key establishments that led to no authenticated answer: doubled from the first to the second. */
const FIRST_BACK_OFF_MS = 10_000;
const LAST_BACK_OFF_MS = 86_400_000;

export class NtsSession {
  #keys: NtsKeys | null = null;
  #cookies: Uint8Array[] = [];
  /** Key establishments since the last authenticated answer. */
  #attempts = 0;
  #refused = false;

  get cookiesLeft(): number {
    return this.#cookies.length;
  }

  /** A question can be asked. */
  get ready(): boolean {
    return this.#keys !== null && this.#cookies.length > 0;
  }

  /** Takes newly established keys; the old ones and their cookies are gone. */
  establish(keys: NtsKeys): void {
    this.#keys = keys;
    this.#cookies = keys.cookies.slice(0, MAX_COOKIES);
    this.#refused = false;
  }

  /** Milliseconds to wait before the next key establishment, which is counted as begun. */
  nextAttemptInMs(): number {
    const wait =
      this.#attempts === 0 ? 0 : Math.min(FIRST_BACK_OFF_MS * 2 ** (this.#attempts - 1), LAST_BACK_OFF_MS);
    this.#attempts++;
    return wait;
  }

  /** The question whose answer would have been awaited got none. @returns whether the keys are of no more use */
  unanswered(): boolean {
    if (this.#refused) {
      this.#keys = null;
      this.#cookies = [];
    }
    return !this.ready;
  }

  /** Takes one cookie. Call only while `ready`. */
  readonly protect: Protect = (request): ProtectedQuestion => {
    const keys = this.#keys;
    const cookie = this.#cookies.shift();
    if (keys === null || cookie === undefined) throw new Error('an NTS question without a cookie');
    const identifier = new Uint8Array(randomBytes(UNIQUE_IDENTIFIER_BYTES));
    const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
    const placeholders = placeholdersFor(this.#cookies.length, cookie.length);
    const message = questionBody(request, identifier, cookie, placeholders);
    const sealed = seal(keys.clientToServer, nonce, message, new Uint8Array(0));
    return {
      packet: appendAuthenticator(message, nonce, sealed),
      authenticate: (datagram) => (this.#accept(keys, identifier, datagram) ? 'good' : 'bad'),
    };
  };

  #accept(keys: NtsKeys, identifier: Uint8Array, datagram: Uint8Array): boolean {
    const decoded = decodeNtp(datagram);
    // An answer under NTS has no MAC: what is covered is the whole datagram.
    if (!decoded.ok || decoded.mac !== null) return false;
    const answer = sealedAnswer(decoded.covered, identifier);
    if (answer === null) {
      this.#noteRefusal(decoded.covered, identifier, decoded.packet.stratum, decoded.packet.refid);
      return false;
    }
    const plaintext = open(keys.serverToClient, answer.nonce, answer.associated, answer.ciphertext);
    const cookies = plaintext === null ? null : cookiesIn(plaintext);
    if (cookies === null) return false;
    this.#attempts = 0;
    this.#refused = false;
    // Keys that were replaced while the answer was under way have cookies of their own.
    if (keys === this.#keys) this.#cookies = [...this.#cookies, ...cookies].slice(0, MAX_COOKIES);
    return true;
  }

  #noteRefusal(covered: Uint8Array, identifier: Uint8Array, stratum: number, refid: number): void {
    if (stratum !== 0 || refidText(refid) !== 'NTSN') return;
    if (carriesIdentifier(covered, identifier)) this.#refused = true;
  }
}
