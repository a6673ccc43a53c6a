/**
 * Where a process keeps its private keys. The interface is that of a token (keys are named, sign, and do not leave);
 * the implementation here is a directory of files.
 *
 * The invariant: a key file belongs to this user, has mode 0600 or stricter, and is encrypted unless the store is a
 * laboratory's. A file that is not so is refused, not repaired: whoever could read it may have.
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { randomBytes, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { encodePem } from './pem.js';
import { openKey, protectKey } from './key-protection.js';
import { generateKey, softwareSigner, spkiOf, type KeyKind, type Signer } from './signer.js';

export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
  readonly code: 'KEY_FILE_MODE' | 'KEY_FILE_MISSING' | 'KEY_EXISTS' | 'KEY_NAME' | 'PASSPHRASE_EMPTY';

  constructor(code: KeyFileError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface KeyStore {
  /** Names of the keys held. */
  names(): readonly string[];
  /** Makes a key and keeps it; durable when it returns. @returns DER SubjectPublicKeyInfo @throws KeyFileError */
  generate(name: string, kind: KeyKind): Uint8Array;
  /** Takes in a key made elsewhere (PKCS#12 import). @throws KeyFileError when the name is taken */
  add(name: string, key: KeyObject): Uint8Array;
  /** @throws KeyFileError, KeyProtectionError */
  signer(name: string): Signer;
  /** PKCS#8 PEM for the TLS library, which takes no callback; only TLS keys are asked for in this way. */
  tlsKey(name: string): string;
  /** Removes the key; what it has signed stays valid until its certificate ends. */
  destroy(name: string): void;
}

export interface KeyDirectoryOptions {
  readonly directory: string;
  /** Null keeps keys in the clear: allowed only when the configuration says `lab: true`. */
  readonly passphrase: Uint8Array | null;
}

const keyName = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Opens (and makes, mode 0700) a directory of key files `<name>.key`. */
export function openKeyDirectory({ directory, passphrase }: KeyDirectoryOptions): KeyStore {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  requireUnwritableByOthers(directory);
  const opened = new Map<string, KeyObject>();

  const path = (name: string): string => {
    if (!keyName.test(name))
      throw new KeyFileError('KEY_NAME', `${JSON.stringify(name)} cannot be the name of a key`);
    return join(directory, `${name}.key`);
  };
  const key = (name: string): KeyObject => {
    const known = opened.get(name);
    if (known) return known;
    const file = path(name);
    const fresh = openKey(readSecretFile(file).toString('latin1'), passphrase, file);
    opened.set(name, fresh);
    return fresh;
  };
  const add = (name: string, fresh: KeyObject): Uint8Array => {
    writeSecretFile(path(name), protectKey(fresh, passphrase));
    opened.set(name, fresh);
    return spkiOf(fresh);
  };

  return {
    names: () =>
      readdirSync(directory)
        .filter((file) => file.endsWith('.key'))
        .map((file) => file.slice(0, -'.key'.length))
        .sort(),
    generate: (name, kind) => add(name, generateKey(kind)),
    add,
    signer: (name) => softwareSigner(key(name)),
    tlsKey: (name) => encodePem('PRIVATE KEY', key(name).export({ type: 'pkcs8', format: 'der' })),
    destroy: (name) => {
      unlinkSync(path(name));
      syncDirectory(directory);
      opened.delete(name);
    },
  };
}

/** Whoever may write into the directory may exchange a key file for an older one. */
function requireUnwritableByOthers(directory: string): void {
  const { mode } = statSync(directory);
  if ((mode & 0o022) === 0) return;
  throw new KeyFileError(
    'KEY_FILE_MODE',
    `${directory} can be written by others; run chmod 700 ${directory} and check the keys in it`,
  );
}

/**
 * Contents of a file that only its owner may read. Mode and owner are those of the opened file, so that it cannot be
 * exchanged in between; a symbolic link is not followed.
 * @throws KeyFileError
 */
export function readSecretFile(file: string): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw new KeyFileError(
      'KEY_FILE_MISSING',
      `${file} cannot be opened: ${messageOf(cause)}; correct the path, or restore the file from a copy`,
      { cause },
    );
  }
  try {
    const { mode, uid } = fstatSync(descriptor);
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      throw new KeyFileError(
        'KEY_FILE_MODE',
        `${file} has mode ${shown}: others may have read it; replace the secret, or run chmod 600 ${file} if you are sure that nobody has`,
      );
    }
    const own = process.getuid?.();
    if (own !== undefined && uid !== own) {
      throw new KeyFileError(
        'KEY_FILE_MODE',
        `${file} belongs to user ${uid}, not to ${own}; run chown ${own} ${file}`,
      );
    }
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes a new file of mode 0600, durable when it returns; never replaces one. @throws KeyFileError */
export function writeSecretFile(file: string, contents: string): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(descriptor, contents);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    // A link, unlike a rename, fails when the name is taken: a key is never overwritten.
    linkSync(temporary, file);
  } catch (cause) {
    throw new KeyFileError('KEY_EXISTS', `${file} cannot be made: ${messageOf(cause)}; choose another name`, {
      cause,
    });
  } finally {
    unlinkSync(temporary);
  }
  syncDirectory(join(file, '..'));
}

/** Where the passphrase comes from; never an argument or an environment variable, which other users can see. */
export type PassphraseSource = { readonly file: string } | { readonly descriptor: number };

/** Passphrase without its trailing line end. @throws KeyFileError when it is empty or the file is open to others */
export function readPassphrase(source: PassphraseSource): Uint8Array {
  const raw = 'file' in source ? readSecretFile(source.file) : readFileSync(source.descriptor);
  const end = raw.at(-1) === 0x0a ? (raw.at(-2) === 0x0d ? -2 : -1) : raw.length;
  const passphrase = raw.subarray(0, end);
  if (passphrase.length === 0) {
    throw new KeyFileError('PASSPHRASE_EMPTY', 'the passphrase is empty; write one line into its file');
  }
  return new Uint8Array(passphrase);
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
