/**
 * The configuration file of `taad`: YAML, every key named here, unknown keys are errors. What could change a verdict
 * or a record is replicated policy and has no key in this file.
 */

import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { readClock } from './clock-config.js';
import type { ClockConfig } from './clock-config.js';

/** An error of the person who wrote the file: names the place, the cause and the remedy. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG_INVALID';
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** How much of the consensus log is kept, and how fast a node may catch up. None of it can change a record. */
export interface StoreUpkeep {
  /** Entries at the log's end that are never trimmed. */
  readonly keepEntries: number;
  /** Trimmed when this many MiB can go … */
  readonly trimMiB: number;
  /** … or after this long, if anything can. Unit: s. */
  readonly trimSeconds: number;
  /** The ledger is made durable this often. Unit: s. */
  readonly syncSeconds: number;
  /** MiB a second that a node pulls to catch up. */
  readonly pullMiBPerSecond: number;
}

export interface NodeConfig {
  /** Name of this node as in the genesis document. */
  readonly node: string;
  readonly dataDirectory: string;
  /** The signed genesis document; read when the data directory is empty, compared with it otherwise. */
  readonly genesis: string;
  readonly storeEngine: 'rocksdb' | 'leveldb' | null;
  readonly upkeep: StoreUpkeep;
  readonly keys: {
    /** Holds tls.key, issuing.key and log.key, mode 0600. */
    readonly directory: string;
    /** File that holds the passphrase of the keys; null for unencrypted keys, which only a laboratory may have. */
    readonly passphraseFile: string | null;
    /** PEM certificate of the TLS key, followed by authorities below the root, if any. */
    readonly tlsCertificate: string;
  };
  readonly lab: boolean;
  /** The genesis does not name this node: an administrator orders it in, and it joins with an empty data directory. */
  readonly join: boolean;
  readonly listen: {
    readonly peers: HostPort;
    readonly clients: HostPort;
    readonly administration: HostPort;
    readonly metrics: HostPort | null;
    /** UDP, for comparing clocks with the peers. Default: host and number of `peers`. */
    readonly peerClock: HostPort;
  };
  readonly peers: readonly {
    readonly node: string;
    readonly address: HostPort;
    /** UDP. Default: host and number of `address`. */
    readonly clock: HostPort;
  }[];
  readonly timing: 'lan' | 'wan';
  readonly clock: ClockConfig;
}

/** Walks the parsed document, collecting one error at a time with the line it stands on. */
export class Section {
  readonly #file: string;
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #path: readonly (string | number)[];
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(
    file: string,
    document: Document,
    lines: LineCounter,
    path: readonly (string | number)[],
    value: unknown,
  ) {
    this.#file = file;
    this.#document = document;
    this.#lines = lines;
    this.#path = path;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.error(null, 'must be a map of keys', 'write it as "key: value" lines');
    }
    this.#values = new Map(Object.entries(value));
  }

  error(key: string | number | null, problem: string, remedy: string): ConfigError {
    const path = key === null ? this.#path : [...this.#path, key];
    return new ConfigError(
      `${this.#file}:${this.#lineOf(path)}: ${path.join('.') || 'the file'}: ${problem}; ${remedy}`,
    );
  }

  allow(keys: readonly string[]): this {
    for (const key of this.#values.keys()) {
      if (!keys.includes(key)) throw this.error(key, 'unknown key', `the keys here are ${keys.join(', ')}`);
    }
    return this;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  text(key: string): string {
    const value = this.#values.get(key);
    if (typeof value !== 'string' || value === '') {
      throw this.error(key, value === undefined ? 'is missing' : 'must be a text', `add "${key}: …"`);
    }
    return value;
  }

  optionalText(key: string): string | null {
    return this.has(key) ? this.text(key) : null;
  }

  /** A path; relative ones count from the folder of the configuration file. */
  path(key: string): string {
    const value = this.text(key);
    return isAbsolute(value) ? value : join(dirname(this.#file), value);
  }

  oneOf<const T extends string>(key: string, values: readonly T[], fallback?: T): T {
    if (!this.has(key) && fallback !== undefined) return fallback;
    const value = this.text(key);
    const found = values.find((candidate) => candidate === value);
    if (found === undefined)
      throw this.error(key, `"${value}" is not possible`, `use one of ${values.join(', ')}`);
    return found;
  }

  integer(key: string, min: number, max: number, fallback?: number): number {
    const value = this.has(key) ? this.#values.get(key) : fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw this.error(key, `${String(value)} is not possible`, `use a whole number from ${min} to ${max}`);
    }
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.has(key) ? this.#values.get(key) : fallback;
    if (typeof value !== 'boolean')
      throw this.error(key, 'must be true or false', `write "${key}: true" or "${key}: false"`);
    return value;
  }

  /** "host:port", with an IPv6 host in brackets. */
  hostPort(key: string): HostPort {
    const value = this.text(key);
    const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(value);
    const port = Number(match?.[2]);
    if (match?.[1] === undefined || port > 65535) {
      throw this.error(key, `"${value}" is not an address`, 'write host:port, for example 192.0.2.1:7401');
    }
    return { host: match[1].replace(/^\[|\]$/g, ''), port };
  }

  section(key: string): Section {
    if (!this.has(key)) throw this.error(key, 'is missing', `add the section "${key}:"`);
    return new Section(this.#file, this.#document, this.#lines, [...this.#path, key], this.#values.get(key));
  }

  /** A list of texts. */
  texts(key: string): readonly string[] {
    const value = this.#values.get(key);
    const texts = Array.isArray(value)
      ? value.filter((item): item is string => typeof item === 'string')
      : [];
    if (!Array.isArray(value) || texts.length !== value.length)
      throw this.error(key, 'must be a list of texts', 'write its items as "- …" lines, numbers in quotes');
    return texts;
  }

  list(key: string): readonly Section[] {
    const value = this.#values.get(key);
    if (!Array.isArray(value)) throw this.error(key, 'must be a list', 'write its items as "- …" lines');
    return value.map(
      (item: unknown, i) =>
        new Section(this.#file, this.#document, this.#lines, [...this.#path, key, i], item),
    );
  }

  #lineOf(path: readonly (string | number)[]): number {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = this.#document.getIn(path.slice(0, length), true) as
        { range?: [number, number, number] } | undefined;
      if (node?.range) return this.#lines.linePos(node.range[0]).line;
    }
    return 1;
  }
}

/**
 * Reads and checks a configuration file.
 * @throws ConfigError for a file that cannot be read, an unknown key or an impossible value
 */
export function readConfig(file: string): NodeConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `${file}: cannot be read: ${(error as Error).message}; check the path and its permissions`,
    );
  }
  return parseConfig(file, text);
}

export function parseConfig(file: string, text: string): NodeConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const syntax = document.errors[0];
  if (syntax !== undefined)
    throw new ConfigError(`${file}:${syntax.linePos?.[0].line ?? 1}: not YAML: ${syntax.message}`);
  const root = new Section(file, document, lines, [], document.toJS());
  root.allow([
    'node',
    'dataDirectory',
    'genesis',
    'store',
    'keys',
    'lab',
    'join',
    'listen',
    'peers',
    'timing',
    'clock',
  ]);
  const lab = root.boolean('lab', false);
  const config: NodeConfig = {
    node: nodeName(root),
    dataDirectory: root.path('dataDirectory'),
    genesis: root.path('genesis'),
    ...readStore(root.has('store') ? root.section('store') : null),
    keys: readKeys(root, lab),
    lab,
    join: root.boolean('join', false),
    listen: readListen(root.section('listen')),
    peers: root.list('peers').map((peer) => {
      peer.allow(['node', 'address', 'clock']);
      const address = peer.hostPort('address');
      return { node: nodeName(peer), address, clock: peer.has('clock') ? peer.hostPort('clock') : address };
    }),
    timing: root.oneOf('timing', ['lan', 'wan'], 'lan'),
    clock: readClock(root.section('clock'), lab),
  };
  return config;
}

function nodeName(section: Section): string {
  const name = section.text('node');
  if (!/^[a-z0-9-]{1,63}$/.test(name)) {
    throw section.error('node', `"${name}" is not a node name`, 'use 1–63 characters of a–z, 0–9 and -');
  }
  return name;
}

function readStore(store: Section | null): Pick<NodeConfig, 'storeEngine' | 'upkeep'> {
  store?.allow(['engine', 'keepEntries', 'trimMiB', 'trimSeconds', 'syncSeconds', 'pullMiBPerSecond']);
  const integer = (key: string, min: number, max: number, fallback: number): number =>
    store?.integer(key, min, max, fallback) ?? fallback;
  return {
    storeEngine: store?.has('engine') === true ? store.oneOf('engine', ['rocksdb', 'leveldb']) : null,
    upkeep: {
      keepEntries: integer('keepEntries', 16, 100_000_000, 10_240),
      trimMiB: integer('trimMiB', 1, 1_048_576, 64),
      trimSeconds: integer('trimSeconds', 1, 31_536_000, 3600),
      syncSeconds: integer('syncSeconds', 1, 3600, 10),
      pullMiBPerSecond: integer('pullMiBPerSecond', 1, 4096, 32),
    },
  };
}

function readKeys(root: Section, lab: boolean): NodeConfig['keys'] {
  const keys = root.section('keys');
  keys.allow(['directory', 'passphraseFile', 'tlsCertificate']);
  if (!keys.has('passphraseFile') && !lab) {
    throw keys.error(
      'passphraseFile',
      'is missing',
      'private keys are encrypted unless the cluster is a laboratory (lab: true)',
    );
  }
  return {
    directory: keys.path('directory'),
    passphraseFile: keys.has('passphraseFile') ? keys.path('passphraseFile') : null,
    tlsCertificate: keys.path('tlsCertificate'),
  };
}

function readListen(listen: Section): NodeConfig['listen'] {
  listen.allow(['peers', 'clients', 'administration', 'metrics', 'peerClock']);
  const peers = listen.hostPort('peers');
  return {
    peers,
    clients: listen.hostPort('clients'),
    administration: listen.hostPort('administration'),
    metrics: listen.has('metrics') ? listen.hostPort('metrics') : null,
    peerClock: listen.has('peerClock') ? listen.hostPort('peerClock') : peers,
  };
}
