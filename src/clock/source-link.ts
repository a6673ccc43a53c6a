/**
 * The way to one source, from the clock's thread: how its addresses are found and how it is asked. One kind of link per
 * transport; the discipline above knows only questions, answers and silence.
 */

import { lookup } from 'node:dns/promises';
import type { ClockInput, Moment } from './core/inputs.js';
import type { ClockProfile } from './core/profile.js';
import { ask } from './exchange.js';
import { unprotected, withKey } from './protection.js';
import type { Protect } from './protection.js';
import type { NtpKey } from './mac.js';

/** An input without its moment, which is added when it is handled. */
export type WithoutMoment<T> = T extends unknown ? Omit<T, keyof Moment> : never;

/** What a link needs of the thread that it runs in. */
export interface LinkHost {
  handle(input: WithoutMoment<ClockInput>): void;
  /** Runs `task` after `ms` unless the clock has stopped. */
  later(ms: number, task: () => void): void;
  /** Has the main thread establish NTS keys with the source's server. */
  establish(source: string): void;
}

export interface SourceLink {
  /** Begins to find out where the source can be asked. */
  start(): void;
  ask(address: string): void;
  /** Abandons the questions that are under way. */
  close(): void;
}

const RESOLVE_AGAIN_MS = 3_600_000;
const RESOLVE_RETRY_MS = 5_000;
/** A question is forgotten this long after its window at the latest. */
const GRACE_MS = 100;

/** Looks a name up again and again; every address of it is used. */
export class AddressBook {
  readonly #source: string;
  readonly #host: LinkHost;
  /** Raised by each new name: look-ups of an earlier one are of no more interest. */
  #generation = 0;

  constructor(source: string, host: LinkHost) {
    this.#source = source;
    this.#host = host;
  }

  follow(name: string): void {
    this.#generation++;
    void this.#resolve(name, this.#generation);
  }

  /** No address until the next `follow`. */
  clear(): void {
    this.#generation++;
    this.#host.handle({ kind: 'addresses', source: this.#source, addresses: [] });
  }

  async #resolve(name: string, generation: number): Promise<void> {
    let again = RESOLVE_AGAIN_MS;
    try {
      const found = await lookup(name, { all: true });
      if (generation !== this.#generation) return;
      this.#host.handle({
        kind: 'addresses',
        source: this.#source,
        addresses: found.map(({ address }) => address),
      });
    } catch (error) {
      if (generation !== this.#generation) return;
      // Addresses that were found before are kept: a failing name server must not stop the clock.
      again = RESOLVE_RETRY_MS;
      const reason = error instanceof Error ? error.message : String(error);
      const detail = `the name ${name} has no address (${reason}); check it and the host's name servers`;
      this.#host.handle({ kind: 'trouble', source: this.#source, code: 'sourceUnresolved', detail });
    }
    this.#host.later(again, () => {
      if (generation === this.#generation) void this.#resolve(name, generation);
    });
  }
}

/** Questions under way to one source, over connected sockets of their own. */
export class Questions {
  readonly #source: string;
  readonly #windowMs: number;
  readonly #host: LinkHost;
  readonly #open = new Set<() => void>();

  constructor(source: string, profile: ClockProfile, host: LinkHost) {
    this.#source = source;
    this.#windowMs = Number(profile.windowNs / 1_000_000n);
    this.#host = host;
  }

  ask(address: string, port: number, protect: Protect, onSilence: () => void = () => undefined): void {
    const source = this.#source;
    const abandon = ask(
      { address, family: address.includes(':') ? 6 : 4, port, protect, windowMs: this.#windowMs },
      {
        onAnswer: (exchange) => this.#host.handle({ kind: 'answer', source, address, exchange }),
        onSilence: () => {
          this.#open.delete(abandon);
          this.#host.handle({ kind: 'noAnswer', source, address });
          onSilence();
        },
      },
    );
    this.#open.add(abandon);
    // Whatever happened to it, a question is over after its window.
    this.#host.later(this.#windowMs + GRACE_MS, () => this.#open.delete(abandon));
  }

  close(): void {
    for (const abandon of this.#open) abandon();
  }
}

export interface NtpTransport {
  readonly kind: 'ntp';
  readonly host: string;
  readonly port: number;
  readonly key: NtpKey | null;
}

/** Plain NTP, or with an AES-CMAC key. */
export class NtpLink implements SourceLink {
  readonly #transport: NtpTransport;
  readonly #questions: Questions;
  readonly #addresses: AddressBook;
  readonly #protect: Protect;

  constructor(source: string, transport: NtpTransport, profile: ClockProfile, host: LinkHost) {
    this.#transport = transport;
    this.#questions = new Questions(source, profile, host);
    this.#addresses = new AddressBook(source, host);
    this.#protect = transport.key === null ? unprotected : withKey(transport.key);
  }

  start(): void {
    this.#addresses.follow(this.#transport.host);
  }

  ask(address: string): void {
    this.#questions.ask(address, this.#transport.port, this.#protect);
  }

  close(): void {
    this.#questions.close();
  }
}
