/** `taactl client …`: the audited devices. Commands that change something are signed with the key of the person. */

import { readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import type { Act } from '../../src/authority/acts.js';
import type { AuditPolicy } from '../../src/authority/model.js';
import type { DurNs } from '../../src/time/types.js';
import type { Client__Output } from '../../src/wire/gen/taa/v1/Client.js';
import type { ListClientsRequest } from '../../src/wire/gen/taa/v1/ListClientsRequest.js';
import type { ListClientsResponse__Output } from '../../src/wire/gen/taa/v1/ListClientsResponse.js';
import type { Details } from '../../src/operator/acts.js';
import { jsonOf, word, yesNo } from './answers.js';
import { formatNs, formatSpan, parseDuration } from './durations.js';
import { usageError } from './outcome.js';
import { submitOrder } from './orders.js';
import { print, withConnection, type Connected, type GlobalFlags, type Session } from './settings.js';
import { renderFields, renderTable } from './table.js';

const lengths = {
  limit: 'limit',
  interval: 'interval',
  maxDelay: 'max-delay',
  certificateLife: 'certificate-life',
  lease: 'lease',
  voidAfter: 'void-after',
} as const satisfies Record<keyof AuditPolicy, string>;

export function clientCommands(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('client', 'the audited devices (TSA clocks)', (client) => {
    register(client, session);
    list(client, session);
    show(client, session);
    order(client, session, 'stop', 'stopClient', 'order a device to stop issuing');
    order(client, session, 'release', 'releaseClient', 'lift the stop order of a device');
    return client.demandCommand(1, 'give one of: client register, list, show, stop, release');
  });
}

function register(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'register',
    'register a device with its key',
    (sub) =>
      sub
        .option('client-cert', { type: 'string', describe: "PEM file with the device's certificate" })
        .option('identity', { type: 'string', describe: 'taa://<cluster>/client/<name>, with --public-key' })
        .option('public-key', { type: 'string', describe: "PEM file with the device's public key" })
        .option('subscriber', { type: 'string', demandOption: true, describe: 'opaque id of the subscriber' })
        .option('details', {
          type: 'string',
          describe: 'file with names and contacts: kept beside the log, erasable, at most 512 KiB',
        })
        .option('limit', { type: 'string', describe: 'audit limit, e.g. 500ms' })
        .option('interval', { type: 'string', describe: 'time between two audits' })
        .option('max-delay', { type: 'string', describe: 'longest acceptable round trip' })
        .option('certificate-life', { type: 'string', describe: 'evidence validity of a certificate' })
        .option('lease', { type: 'string', describe: 'how long a pass permits issuing' })
        .option('void-after', { type: 'string', describe: 'when an uncertified measurement is given up' })
        .conflicts('client-cert', ['identity', 'public-key']),
    async (flags) => {
      const policy = policyFlags(flags);
      const { identity, spki } = await deviceKey(flags);
      const details = flags.details === undefined ? null : await detailsIn(flags.details);
      const act: Act = {
        command: 'registerClient',
        subscriber: flags.subscriber,
        identity,
        spki,
        policy,
        details: details?.hash ?? null,
      };
      await submitOrder(flags, session, act, details);
    },
  );
}

function policyFlags(flags: Readonly<Record<string, unknown>>): Partial<AuditPolicy> {
  const given = Object.entries(lengths).flatMap(([key, flag]): [string, DurNs][] => {
    const value = flags[flag];
    return typeof value === 'string' ? [[key, parseDuration(`--${flag}`, value)]] : [];
  });
  return Object.fromEntries(given);
}

async function deviceKey(flags: {
  readonly clientCert?: string | undefined;
  readonly identity?: string | undefined;
  readonly publicKey?: string | undefined;
}): Promise<{ readonly identity: string; readonly spki: Uint8Array }> {
  const { formatIdentity, parseIdentity } = await import('../../src/verify/identity.js');
  if (flags.clientCert !== undefined) {
    const { readCertificateFile } = await import('../../src/operator/credentials.js');
    const { certificate, identity } = readCertificateFile(flags.clientCert);
    return { identity: formatIdentity(identity), spki: certificate.spki };
  }
  if (flags.identity === undefined || flags.publicKey === undefined) {
    throw usageError('give --client-cert FILE, or --identity URI with --public-key FILE');
  }
  parseIdentity(flags.identity);
  const { publicKeyIn } = await import('../../src/operator/issuing.js');
  return { identity: flags.identity, spki: publicKeyIn(flags.publicKey) };
}

async function detailsIn(file: string): Promise<Details> {
  const { detailsOf } = await import('../../src/operator/acts.js');
  return detailsOf(new Uint8Array(readFileSync(file)));
}

async function clientsOf({ connection }: Connected, device: string): Promise<readonly Client__Output[]> {
  const { value } = await connection.call<ListClientsRequest, ListClientsResponse__Output>(
    ({ admin }) => admin.ListClients.bind(admin),
    { device },
  );
  return value.clients;
}

function list(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'list',
    'all devices',
    (sub) => sub,
    async (flags) => {
      await withConnection(flags, session, async (connected) => {
        const clients = await clientsOf(connected, '');
        print(session, flags, { clients: jsonOf(clients) }, () =>
          renderTable<Client__Output>(
            [
              { title: 'device', value: (row) => row.device },
              { title: 'subscriber', value: (row) => row.subscriber },
              { title: 'identity', value: (row) => row.identity },
              { title: 'state', value: stateOf },
              { title: 'connected', value: (row) => yesNo(row.connected) },
              { title: 'audits', value: (row) => row.lastSequence, right: true },
              { title: 'last verdict', value: (row) => word(row.lastVerdict) ?? '-' },
              { title: 'TSA - UTC(NICT)', value: lastInterval },
            ],
            clients,
          ),
        );
      });
    },
  );
}

const stateOf = (client: Client__Output): string =>
  !client.stopped ? 'active' : client.stopAcknowledged ? 'stopped' : 'stop ordered';

const lastInterval = (client: Client__Output): string =>
  word(client.lastVerdict) === null
    ? '-'
    : `[${formatNs(BigInt(client.lastLowNs), true)}, ${formatNs(BigInt(client.lastHighNs), true)}]`;

function show(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'show <device>',
    'one device with its policy',
    (sub) =>
      sub.positional('device', { type: 'string', demandOption: true, describe: 'opaque id, e.g. d-0123…' }),
    async (flags) => {
      await withConnection(flags, session, async (connected) => {
        const [client] = await clientsOf(connected, flags.device);
        if (client === undefined) throw usageError('give the id of one device');
        print(session, flags, jsonOf(client), () => clientFields(client));
      });
    },
  );
}

function clientFields(client: Client__Output): string {
  const { policy } = client;
  return renderFields([
    ['device', client.device],
    ['subscriber', client.subscriber],
    ['identity', client.identity],
    ['state', stateOf(client)],
    ...(client.stopped ? ([['stop order', `leaf ${client.stopOrder}: ${client.stopReason}`]] as const) : []),
    ['connected', yesNo(client.connected)],
    ['last audit', client.lastSequence],
    ['last verdict', word(client.lastVerdict) ?? '-'],
    ['TSA - UTC(NICT)', lastInterval(client)],
    ...(policy === null
      ? []
      : ([
          ['limit', `±${formatNs(BigInt(policy.limitNs))}`],
          ['interval', formatSpan(BigInt(policy.intervalNs))],
          ['maximum delay', formatNs(BigInt(policy.maxDelayNs))],
          ['certificate life', formatSpan(BigInt(policy.certificateLifeNs))],
          ['lease', formatSpan(BigInt(policy.leaseNs))],
          ['void after', formatSpan(BigInt(policy.voidAfterNs))],
        ] as const)),
  ]);
}

function order(
  cli: Argv<GlobalFlags>,
  session: Session,
  name: 'stop' | 'release',
  command: 'stopClient' | 'releaseClient',
  describe: string,
): void {
  cli.command(
    `${name} <device>`,
    describe,
    (sub) =>
      sub
        .positional('device', { type: 'string', demandOption: true, describe: 'opaque id, e.g. d-0123…' })
        .option('reason', {
          type: 'string',
          demandOption: true,
          describe: 'goes on record, at most 256 bytes',
        }),
    (flags) => submitOrder(flags, session, { command, device: flags.device, reason: flags.reason }),
  );
}
