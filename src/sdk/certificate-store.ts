/**
 * Verified certificates with their receipts, one file each, for ten years and more:
 * `certificates/<device>/<year>/<month>/<sequence>.receipt`, by UTC of the measurement. A file is the receipt bundle
 * byte for byte as it came, which `taactl cert verify` and any other verifier read without this program.
 */

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { builtinLeapTable } from '../time/leap-table.js';
import { utcParts } from '../time/utc-label.js';
import { bytesOf, hexOf } from '../verify/bytes.js';
import type { VerifiedCertificate } from './core/events.js';
import { isMissing, writeDurably } from './durable-file.js';

const SUFFIX = '.receipt';
/** Digits of a sequence number: file names sort as numbers do. */
const DIGITS = 10;

export interface StoredReceipt {
  readonly file: string;
  readonly device: string;
  readonly sequence: number;
}

export class CertificateStore {
  readonly directory: string;
  /** In order: a later certificate is never durable before an earlier one, so that a crash leaves no gap. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: string) {
    this.directory = join(store, 'certificates');
  }

  /** Resolves with the file when it is durable. Storing the same certificate again replaces it by the same bytes. */
  store(certificate: VerifiedCertificate): Promise<string> {
    const next = this.#last.then(() => this.#write(certificate));
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #write(certificate: VerifiedCertificate): Promise<string> {
    const { year, month } = utcParts(certificate.measuredAt, builtinLeapTable);
    const [yyyy, mm] = [year.toString().padStart(4, '0'), month.toString().padStart(2, '0')];
    const name = `${certificate.sequence.toString().padStart(DIGITS, '0')}${SUFFIX}`;
    const file = join(this.directory, directoryName(certificate.device), yyyy, mm, name);
    await writeDurably(file, certificate.receipt);
    return file;
  }

  /** Every stored receipt of every device, oldest first. Leftovers of crashes are not among them. */
  *list(): Generator<StoredReceipt> {
    for (const device of namesIn(this.directory)) {
      for (const file of this.#filesOf(device)) {
        const sequence = Number(/(\d+)\.receipt$/.exec(file)?.[1]);
        if (Number.isSafeInteger(sequence)) yield { file, device, sequence };
      }
    }
  }

  read(file: string): Uint8Array {
    return new Uint8Array(readFileSync(file));
  }

  *#filesOf(device: string): Generator<string> {
    for (const year of namesIn(join(this.directory, device))) {
      for (const month of namesIn(join(this.directory, device, year))) {
        const directory = join(this.directory, device, year, month);
        for (const name of namesIn(directory)) if (name.endsWith(SUFFIX)) yield join(directory, name);
      }
    }
  }
}

/** A device id comes from outside: what could leave the directory is written in hexadecimal. */
const directoryName = (device: string): string =>
  /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(device) ? device : `x.${hexOf(bytesOf(device))}`;

/** Sorted; what is missing has nothing in it. Hidden names are leftovers of crashes. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
