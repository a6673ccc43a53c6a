/**
 * The way to a monitor that is protected by NTS: keys first, then the addresses of the server that came with them. While
 * there are no keys the source has no address, so that no question of its budget is spent in vain.
 */

import type { ClockProfile } from '../core/profile.js';
import { AddressBook, Questions } from '../source-link.js';
import type { LinkHost, SourceLink } from '../source-link.js';
import type { EstablishmentResult, NtsServer } from './key-establishment.js';
import { NtsSession } from './session.js';

export interface NtsTransport extends NtsServer {
  readonly kind: 'nts';
}

export class NtsLink implements SourceLink {
  readonly #source: string;
  readonly #host: LinkHost;
  readonly #session = new NtsSession();
  readonly #questions: Questions;
  readonly #addresses: AddressBook;
  #port = 123;
  #establishing = false;

  constructor(source: string, profile: ClockProfile, host: LinkHost) {
    this.#source = source;
    this.#host = host;
    this.#questions = new Questions(source, profile, host);
    this.#addresses = new AddressBook(source, host);
  }

  start(): void {
    this.#establish();
  }

  ask(address: string): void {
    if (!this.#session.ready) {
      this.#establish();
      return;
    }
    this.#questions.ask(address, this.#port, this.#session.protect, () => {
      if (this.#session.unanswered()) this.#establish();
    });
  }

  close(): void {
    this.#questions.close();
  }

  /** What came of `host.establish`. */
  established(result: EstablishmentResult): void {
    this.#establishing = false;
    if (!result.ok) {
      const detail = `no NTS keys: ${result.detail}; check nts.server, nts.port and nts.ca`;
      this.#host.handle({ kind: 'trouble', source: this.#source, code: 'keysNotEstablished', detail });
      this.#establish();
      return;
    }
    const { keys, host, port } = result.established;
    this.#session.establish(keys);
    this.#port = port;
    this.#addresses.follow(host);
  }

  #establish(): void {
    if (this.#establishing) return;
    this.#establishing = true;
    this.#addresses.clear();
    this.#host.later(this.#session.nextAttemptInMs(), () => this.#host.establish(this.#source));
  }
}
