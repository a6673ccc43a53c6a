/**
 * Where a command connects and as whom: flag before environment before context file. The cluster is the one that the
 * certificate names, so that nobody can be led to another cluster by a wrong address.
 */

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import type { Argv } from 'yargs';
import type { Connection, Endpoint } from '../../src/operator/connection.js';
import type { Credentials } from '../../src/operator/credentials.js';
import { CliError, exitCodes, usageError } from './outcome.js';
import { outputFormats, printDocument, type Json, type OutputFormat, type Sink } from './output.js';

export interface GlobalFlags {
  readonly endpoints?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly passphraseFile?: string | undefined;
  readonly genesis?: string | undefined;
  readonly context?: string | undefined;
  readonly config?: string | undefined;
  readonly output: OutputFormat;
}

/** What a process gives a command; tests give their own. */
export interface Surroundings {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends what runs until it is interrupted. */
  readonly interrupted: AbortSignal;
}

/** Handed to every command. */
export interface Session extends Surroundings {
  /** A command that found something sets it; 0 otherwise. */
  exitCode: number;
}

const defaultOutput: OutputFormat = 'table';

export function globalOptions(cli: Argv): Argv<GlobalFlags> {
  return cli
    .option('endpoints', {
      type: 'string',
      describe: 'nodes, as name=host:port,… of their administration listeners',
    })
    .option('ca', { type: 'string', describe: "PEM file with the cluster's root certificate" })
    .option('cert', { type: 'string', describe: 'PEM file with your certificate; it names cluster and role' })
    .option('key', { type: 'string', describe: 'PEM file with your private key, mode 0600' })
    .option('passphrase-file', { type: 'string', describe: 'file with the passphrase of the private key' })
    .option('genesis', {
      type: 'string',
      describe: "the cluster's signed genesis file: the trust of an auditor",
    })
    .option('context', { type: 'string', describe: 'entry of the configuration file to take these from' })
    .option('config', { type: 'string', describe: 'configuration file (~/.config/taactl/config.yaml)' })
    .option('output', {
      alias: 'o',
      choices: outputFormats,
      default: defaultOutput,
      describe: 'table for reading; json and yaml have stable keys',
    })
    .group(
      ['endpoints', 'ca', 'cert', 'key', 'passphrase-file', 'genesis', 'context', 'config'],
      'Connection:',
    );
}

export const print = (session: Session, flags: GlobalFlags, value: Json, table: () => string): void =>
  printDocument(session.stdout, flags.output, value, table);

const contextKeys = ['endpoints', 'ca', 'cert', 'key', 'passphraseFile', 'genesis'] as const;
type ContextKey = (typeof contextKeys)[number];
type ContextValues = Partial<Record<ContextKey, string>>;

/** The flags with what environment and context add. @throws CliError usage */
export function resolveFlags(flags: GlobalFlags, { environment }: Surroundings): GlobalFlags {
  const fromEnvironment = (key: string): string | undefined => {
    const value = environment[`TAACTL_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`];
    return value === '' ? undefined : value;
  };
  const context = readContext(
    flags.config ?? fromEnvironment('config'),
    flags.context ?? fromEnvironment('context'),
    environment['HOME'] ?? homedir(),
  );
  const values = Object.fromEntries(
    contextKeys.map((key) => [key, flags[key] ?? fromEnvironment(key) ?? context[key]]),
  );
  return { ...flags, ...values };
}

function readContext(file: string | undefined, name: string | undefined, home: string): ContextValues {
  const path = file ?? join(home, '.config', 'taactl', 'config.yaml');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (file === undefined && name === undefined) return {};
    throw usageError(`${path} cannot be read: ${(cause as Error).message}; --context needs it`, { cause });
  }
  let document: unknown;
  try {
    document = parse(text);
  } catch (cause) {
    throw usageError(`${path} is not YAML: ${(cause as Error).message.split('\n')[0] ?? ''}`, { cause });
  }
  const root = asMap(document, path);
  const chosen = name ?? root['current-context'];
  if (chosen === undefined) return {};
  const contexts = root['contexts'];
  const found = (Array.isArray(contexts) ? contexts : [])
    .map((item: unknown) => asMap(item, `${path}: contexts`))
    .find((item) => item['name'] === chosen);
  if (found === undefined) throw usageError(`${path} has no context ${JSON.stringify(chosen)}`);
  return contextValues(found, path);
}

function contextValues(found: Readonly<Record<string, unknown>>, path: string): ContextValues {
  const values: ContextValues = {};
  for (const [key, value] of Object.entries(found)) {
    if (key === 'name') continue;
    const known = contextKeys.find((candidate) => candidate === key);
    if (known === undefined || typeof value !== 'string') {
      throw usageError(
        `${path}: ${key} in a context; the keys are name, ${contextKeys.join(', ')}, all texts`,
      );
    }
    values[known] = known === 'endpoints' || isAbsolute(value) ? value : join(dirname(path), value);
  }
  return values;
}

function asMap(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw usageError(`${where}: a map of keys is expected`);
}

/** `name=host:port,name=host:port`. @throws CliError usage */
export function parseEndpoints(text: string): readonly Endpoint[] {
  const endpoints = text.split(',').map((part) => {
    const [, node, address, port] =
      /^([a-z0-9][a-z0-9._-]*)=((?:\[[0-9a-fA-F:]+\]|[^:=\s]+):([0-9]{1,5}))$/.exec(part.trim()) ?? [];
    if (node === undefined || address === undefined || Number(port) > 65_535) {
      throw usageError(
        `--endpoints: ${JSON.stringify(part)} is not name=host:port, e.g. tokyo=192.0.2.1:7403`,
      );
    }
    return { node, address };
  });
  const names = endpoints.map(({ node }) => node);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw usageError(`--endpoints names ${twice} twice`);
  return endpoints;
}

/** @throws CliError usage naming the flag that is missing */
export function required(flags: GlobalFlags, key: ContextKey, why: string): string {
  const value = flags[key];
  if (value !== undefined) return value;
  const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw usageError(
    `--${flag} is missing: ${why}; give the flag, set TAACTL_${flag.replace('-', '_').toUpperCase()}, or use a context`,
  );
}

export interface Connected {
  readonly connection: Connection;
  readonly credentials: Credentials;
  /** A connection to one node alone; closed with the other. */
  readonly only: (endpoint: Endpoint) => Connection;
}

/** Reads credentials, connects, runs `work`, closes. gRPC is loaded here, so that help and offline commands stay quick. */
export async function withConnection<T>(
  given: GlobalFlags,
  session: Session,
  work: (connected: Connected) => Promise<T>,
): Promise<T> {
  const flags = resolveFlags(given, session);
  const endpoints = parseEndpoints(required(flags, 'endpoints', 'it says where the nodes are'));
  const files = {
    ca: required(flags, 'ca', 'it says whom to trust'),
    cert: required(flags, 'cert', 'it says who you are'),
    key: required(flags, 'key', 'it proves who you are'),
    passphraseFile: flags.passphraseFile ?? null,
  };
  const { readCredentials } = await import('../../src/operator/credentials.js');
  const { Connection: Connecting } = await import('../../src/operator/connection.js');
  const credentials = readCredentials(files);
  const opened: Connection[] = [];
  const connect = (to: readonly Endpoint[]): Connection => {
    const cluster = credentials.identity.clusterId;
    const connection = new Connecting({ cluster, endpoints: to, tls: credentials.tls });
    opened.push(connection);
    return connection;
  };
  const connection = connect(endpoints);
  try {
    if (!credentials.isKeyEncrypted) await requireLaboratory(connection, files.key);
    return await work({ connection, credentials, only: (endpoint) => connect([endpoint]) });
  } finally {
    for (const each of opened) each.close();
  }
}

/** A key in the clear is for laboratories: whoever reads its file is the person, in every other cluster as well. */
async function requireLaboratory(connection: Connection, file: string): Promise<void> {
  const { value } = await connection.call<object, { readonly laboratory: boolean }>(
    ({ admin }) => admin.GetStatus.bind(admin),
    {},
  );
  if (value.laboratory) return;
  throw new CliError(
    exitCodes.usage,
    'KEY_NOT_ENCRYPTED',
    `${file} is not encrypted, which only a laboratory allows; encrypt it (openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000) and give --passphrase-file`,
  );
}
