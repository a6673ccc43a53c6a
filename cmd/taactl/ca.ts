/** `taactl ca …`: the certificate authority and the birth of a cluster. Runs offline, best on a machine without a network. */

import type { Argv } from 'yargs';
import { durNs } from '../../src/time/types.js';
import { hexOf } from '../../src/verify/bytes.js';
import type { CborObject } from '../../src/verify/cbor.js';
import { isClusterId, roles } from '../../src/verify/identity.js';
import { parseDuration } from './durations.js';
import { CliError, exitCodes, usageError } from './outcome.js';
import type { Json } from './output.js';
import { print, required, resolveFlags, type GlobalFlags, type Session } from './settings.js';
import { renderFields } from './table.js';

export function caCommands(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('ca', 'the certificate authority, and the birth of a cluster (offline)', (ca) => {
    init(ca, session);
    issue(ca, session);
    genesis(ca, session);
    return ca.demandCommand(1, 'give one of: ca init, issue, genesis');
  });
}

/** Laboratories may keep keys in the clear; everyone else names a passphrase. @throws CliError usage */
async function protection(flag: string, file: string | undefined, lab: boolean): Promise<Uint8Array | null> {
  if (lab && file !== undefined) throw usageError(`${flag} and --lab exclude each other`);
  if (lab) return null;
  if (file === undefined) {
    throw usageError(`${flag} is missing: keys are encrypted; only a laboratory may say --lab instead`);
  }
  const { readPassphrase } = await import('../../src/pki/key-store.js');
  return readPassphrase({ file });
}

const say = (session: Session, flags: GlobalFlags, document: Readonly<Record<string, string | null>>): void =>
  print(session, flags, document, () =>
    renderFields(Object.entries(document).map(([key, value]) => [key, value ?? '-'])),
  );

/** @throws CliError usage */
function whole(name: string, value: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw usageError(`${name} is a whole number from 1 to ${max}, not ${value}`);
}

function init(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'init',
    'make a root key and certificate',
    (sub) =>
      sub
        .option('out', {
          type: 'string',
          demandOption: true,
          describe: 'new directory for ca.crt and ca.key',
        })
        .option('name', { type: 'string', demandOption: true, describe: 'common name of the authority' })
        .option('organization', { type: 'string', describe: 'organization in the name' })
        .option('years', { type: 'number', default: 10, describe: 'validity' })
        .option('lab', {
          type: 'boolean',
          default: false,
          describe: 'laboratory: keep the key in the clear',
        }),
    async (flags) => {
      const passphrase = await protection('--passphrase-file', flags.passphraseFile, flags.lab);
      const { initAuthority } = await import('../../src/operator/issuing.js');
      const made = initAuthority({
        directory: flags.out,
        commonName: flags.name,
        organization: flags.organization ?? null,
        years: whole('--years', flags.years, 30),
        passphrase,
      });
      say(session, flags, { ...made });
    },
  );
}

function issue(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'issue',
    'issue keys and certificates for a node, a person or a TSA',
    (sub) =>
      sub
        .option('authority', { type: 'string', demandOption: true, describe: 'directory of taactl ca init' })
        .option('authority-passphrase-file', { type: 'string', describe: 'passphrase of its key' })
        .option('cluster', {
          type: 'string',
          demandOption: true,
          describe: 'cluster id, e.g. taa.example.jp',
        })
        .option('role', { choices: roles, demandOption: true, describe: 'what the holder is' })
        .option('name', {
          type: 'string',
          demandOption: true,
          describe: 'name of the holder, unique in its role',
        })
        .option('out', { type: 'string', demandOption: true, describe: 'directory for the files' })
        .option('days', { type: 'number', default: 365, describe: 'validity' })
        .option('public-key', { type: 'string', describe: 'certify this key (PEM), made elsewhere' })
        .option('site', { type: 'string', describe: 'node only: its site' })
        .option('kind', {
          choices: ['full', 'witness', 'standby'] as const,
          default: 'full' as const,
          describe: 'node only; a standby is ordered in later',
        })
        .option('dns', {
          type: 'string',
          array: true,
          describe: 'node only: DNS names in the TLS certificate',
        })
        .option('ip', {
          type: 'string',
          array: true,
          describe: 'node only: addresses in the TLS certificate',
        })
        .option('lab', { type: 'boolean', default: false, describe: 'laboratory: keys in the clear' }),
    async (flags) => {
      const isMadeHere = flags.publicKey === undefined;
      if (!isMadeHere && flags.role === 'node') {
        throw usageError('a node has three keys of its own; leave --public-key out');
      }
      if (flags.role === 'node' && flags.site === undefined)
        throw usageError('--site is missing: a node has one');
      const caPassphrase = await protection(
        '--authority-passphrase-file',
        flags.authorityPassphraseFile,
        flags.lab,
      );
      const passphrase = isMadeHere
        ? await protection('--passphrase-file', flags.passphraseFile, flags.lab)
        : null;
      const issuing = await import('../../src/operator/issuing.js');
      const { formatIdentity } = await import('../../src/verify/identity.js');
      const identity = { clusterId: flags.cluster, role: flags.role, name: flags.name };
      const uri = formatIdentity(identity);
      const common = {
        authority: issuing.openAuthorityDirectory(flags.authority, caPassphrase),
        identity,
        out: flags.out,
        days: whole('--days', flags.days, 3653),
        passphrase,
      };
      if (flags.role === 'node') {
        const files = issuing.issueNode({
          ...common,
          site: flags.site ?? '',
          kind: flags.kind,
          dnsNames: flags.dns ?? [],
          ipAddresses: flags.ip ?? [],
        });
        say(session, flags, { identity: uri, ...files });
      } else {
        const spki = flags.publicKey === undefined ? null : issuing.publicKeyIn(flags.publicKey);
        say(session, flags, { identity: uri, ...issuing.issueHolder({ ...common, spki }) });
      }
    },
  );
}

function genesis(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'genesis',
    'make the signed genesis from which a cluster is born; signed with --cert and --key of an admin',
    (sub) =>
      sub
        .option('cluster', {
          type: 'string',
          demandOption: true,
          describe: 'cluster id, e.g. taa.example.jp',
        })
        .option('members', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'member.yaml of each node',
        })
        .option('admin', {
          type: 'string',
          array: true,
          describe: 'certificates of further persons who may order something',
        })
        .option('policy', { type: 'string', describe: 'YAML with what differs from the default policy' })
        .option('quorum', { type: 'number', describe: 'cosigners of a published checkpoint (majority)' })
        .option('distinct-sites', {
          type: 'number',
          describe: 'sites that these come from (as many as possible)',
        })
        .option('lab', { type: 'boolean', default: false, describe: 'a laboratory, for ever' })
        .option('out', { type: 'string', demandOption: true, describe: 'file for the genesis' }),
    async (flags) => {
      const resolved = resolveFlags(flags, session);
      const certificate = required(resolved, 'cert', 'an admin signs the genesis');
      const authority = required(resolved, 'ca', 'its root becomes the trust anchor');
      const { readCredentials } = await import('../../src/operator/credentials.js');
      const { refuseExisting } = await import('../../src/operator/issuing.js');
      const { makeGenesis } = await import('../../src/operator/genesis-making.js');
      const { writeFileSync } = await import('node:fs');
      refuseExisting([flags.out]);
      const credentials = readCredentials({
        ca: authority,
        cert: certificate,
        key: required(resolved, 'key', 'an admin signs the genesis'),
        passphraseFile: resolved.passphraseFile ?? null,
      });
      if (!credentials.isKeyEncrypted && !flags.lab) {
        throw usageError(
          'the key of the admin is not encrypted; give --passphrase-file, or --lab for a laboratory',
        );
      }
      const { file, made } = makeGenesis({
        clusterId: clusterId(flags.cluster),
        lab: flags.lab,
        members: flags.members,
        administrators: [certificate, ...(flags.admin ?? [])],
        authority,
        policy: flags.policy === undefined ? {} : await policyIn(flags.policy),
        quorum: flags.quorum ?? null,
        distinctSites: flags.distinctSites ?? null,
        signer: credentials.person,
      });
      writeFileSync(flags.out, file, { flag: 'wx', mode: 0o644 });
      const { trust, members } = made.genesis;
      const document: Json = {
        genesis: flags.out,
        cluster: made.genesis.clusterId,
        hash: hexOf(made.hash),
        laboratory: flags.lab,
        members: members.map(({ id, site, kind }) => ({ node: id, site, kind })),
        quorum: trust.quorum,
        distinctSites: trust.distinctSites,
      };
      print(session, flags, document, () =>
        renderFields([
          ['genesis', flags.out],
          ['cluster', made.genesis.clusterId],
          ['hash', hexOf(made.hash)],
          ['members', members.map(({ id, site }) => `${id} (${site})`).join(', ')],
          ['published by', `${trust.quorum} cosigners at ${trust.distinctSites} sites`],
          ['laboratory', flags.lab ? 'yes, for ever' : 'no'],
        ]),
      );
    },
  );
}

function clusterId(text: string): string {
  if (isClusterId(text)) return text;
  throw usageError(`--cluster: ${JSON.stringify(text)} is not a DNS-like name in lower case`);
}

const auditLengths = ['limit', 'interval', 'maxDelay', 'certificateLife', 'lease', 'voidAfter'];
const lengths = ['taaAlarm', 'taaStop'];
const texts = ['policyOid', 'sourceOid', 'sourceName'];

/** Lengths are written as in flags: 500ms. @throws CliError usage for an unknown key or a value that cannot be */
async function policyIn(file: string): Promise<CborObject> {
  const { readYamlMap } = await import('../../src/operator/genesis-making.js');
  const map = readYamlMap(file);
  const policy: Record<string, CborObject[string]> = {};
  for (const [key, value] of Object.entries(map)) {
    if (key === 'audit' && typeof value === 'object' && value !== null) {
      policy[key] = Object.fromEntries(
        Object.entries(value).map(([inner, length]) => {
          if (!auditLengths.includes(inner)) throw unknownKey(file, `audit.${inner}`, auditLengths);
          return [inner, durNs(parseDuration(`${file}: audit.${inner}`, String(length)))];
        }),
      );
    } else if (lengths.includes(key)) policy[key] = parseDuration(`${file}: ${key}`, String(value));
    else if (texts.includes(key) && typeof value === 'string') policy[key] = value;
    else throw unknownKey(file, key, ['audit', ...lengths, ...texts]);
  }
  return policy;
}

const unknownKey = (file: string, key: string, known: readonly string[]): CliError =>
  new CliError(exitCodes.usage, 'USAGE', `${file}: ${key} is not possible; the keys are ${known.join(', ')}`);
