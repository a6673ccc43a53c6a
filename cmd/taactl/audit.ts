/** `taactl audit …`: reading the audit log and verifying it, on a running node or on a copied data directory. */

import { readFileSync, writeFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { taiNs } from '../../src/time/types.js';
import { formatUtc } from '../../src/time/utc-label.js';
import type { AuditReport } from '../../src/operator/audit-report.js';
import type { DirectoryReport } from '../../src/operator/directory-audit.js';
import { summaryOf, viewRecord, type RecordView } from '../../src/operator/record-view.js';
import { hexOf } from '../../src/verify/bytes.js';
import { CliError, exitCodes, usageError } from './outcome.js';
import { printStreamed, type Json } from './output.js';
import { followLog } from './follow.js';
import { print, required, resolveFlags, withConnection, type GlobalFlags, type Session } from './settings.js';
import { renderFields, renderTable } from './table.js';
import { readGenesisFile } from './trust.js';

export function auditCommands(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('audit', 'the audit log', (audit) => {
    tail(audit, session);
    get(audit, session);
    verify(audit, session);
    prove(audit, session);
    return audit.demandCommand(1, 'give one of: audit tail, get, verify, prove');
  });
}

/** A leaf with what it says. */
interface SeenRecord {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly view: RecordView | null;
}

const seen = ({ index, leaf }: { readonly index: number; readonly leaf: Uint8Array }): SeenRecord => ({
  index,
  leaf,
  view: viewRecord(leaf),
});

const recordJson = ({ index, leaf, view }: SeenRecord): Json => ({
  leafIndex: String(index),
  leaf: hexOf(leaf),
  record: view,
});

const textOf = (view: RecordView | null, key: string): string => {
  const value = view?.[key];
  return typeof value === 'string' ? value : '';
};

function timeOf(view: RecordView | null): string {
  const tai = textOf(view, 'time');
  return /^[1-9]\d*$/.test(tai) ? formatUtc(taiNs(BigInt(tai)), builtinLeapTable) : '-';
}

// ---- reading -------------------------------------------------------------------------------------------------------

const MAX_LINES = 10_000;

function tail(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'tail',
    'the newest records; with --follow one JSON line or table line a record',
    (sub) =>
      sub
        .option('lines', {
          alias: 'n',
          type: 'number',
          default: 10,
          describe: `how many, up to ${MAX_LINES}`,
        })
        .option('from', { type: 'number', describe: 'leaf index to begin at instead' })
        .option('follow', {
          alias: 'f',
          type: 'boolean',
          default: false,
          describe: 'go on until interrupted',
        }),
    async (flags) => {
      const lines = wholeNumber('--lines', flags.lines, MAX_LINES);
      const from = flags.from === undefined ? null : wholeNumber('--from', flags.from);
      await withConnection(flags, session, async ({ connection }) => {
        const { LogReader } = await import('../../src/operator/log-reader.js');
        const reader = new LogReader(connection);
        const { size } = await reader.page(0, 1);
        const start = Math.min(from ?? Math.max(0, size - lines), size);
        const end = Math.min(start + lines, size);
        if (flags.follow) {
          await followLog(connection, start, session.interrupted, (record) =>
            printStreamed(session.stdout, flags.output, recordJson(seen(record)), () => lineOf(seen(record))),
          );
          return;
        }
        const records: SeenRecord[] = [];
        for await (const record of reader.leaves(start, end)) records.push(seen(record));
        const document = { logSize: String(size), records: records.map(recordJson) };
        print(session, flags, document, () => recordTable(records));
      });
    },
  );
}

const recordTable = (records: readonly SeenRecord[]): string =>
  renderTable<SeenRecord>(
    [
      { title: 'leaf', value: ({ index }) => String(index), right: true },
      { title: 'cluster time (UTC)', value: ({ view }) => timeOf(view) },
      { title: 'type', value: ({ view }) => textOf(view, 'type') || 'unreadable' },
      { title: 'node', value: ({ view }) => textOf(view, 'node') },
      { title: 'says', value: ({ view }) => (view === null ? '' : summaryOf(view).slice(0, 120)) },
    ],
    records,
  );

const lineOf = (record: SeenRecord): string => recordTable([record]).split('\n').slice(1).join('\n');

/** @throws CliError usage */
function wholeNumber(name: string, value: number, max = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  throw usageError(`${name} is a whole number from 0 to ${max}, not ${value}`);
}

function get(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'get <leaf>',
    'one record with all its fields',
    (sub) =>
      sub
        .positional('leaf', { type: 'number', demandOption: true, describe: 'leaf index, from 0' })
        .option('raw', { type: 'string', describe: 'write the leaf as stored (CBOR) to this file' })
        .option('body', { type: 'string', describe: 'write its detached body to this file' }),
    async (flags) => {
      const index = wholeNumber('LEAF', flags.leaf);
      await withConnection(flags, session, async ({ connection }) => {
        const { LogReader } = await import('../../src/operator/log-reader.js');
        const reader = new LogReader(connection);
        const record = seen({ index, leaf: (await reader.page(index, 1)).leaves[0] ?? new Uint8Array(0) });
        if (flags.raw !== undefined) writeFileSync(flags.raw, record.leaf);
        if (flags.body !== undefined) {
          const hash = textOf(record.view, 'details');
          if (hash === '') throw new CliError(exitCodes.failed, 'NOT_FOUND', `leaf ${index} names no body`);
          writeFileSync(flags.body, (await reader.body(Buffer.from(hash, 'hex'))).body, { mode: 0o600 });
        }
        print(session, flags, recordJson(record), () =>
          renderFields([
            ['leaf', String(index)],
            ['cluster time', timeOf(record.view)],
            ...fieldsOf(record.view ?? {}, ''),
          ]),
        );
      });
    },
  );
}

/** Nested fields by path. */
export function fieldsOf(value: Json, path: string): readonly (readonly [string, string])[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: Json, i) => fieldsOf(item, `${path}[${i}]`));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, item]) =>
      fieldsOf(item, path === '' ? key : `${path}.${key}`),
    );
  }
  return [[path, String(value)]];
}

function prove(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'prove <leaf>',
    'a C2SP tlog-proof that a record stands in the published log',
    (sub) =>
      sub
        .positional('leaf', { type: 'number', demandOption: true, describe: 'leaf index, from 0' })
        .option('raw', { type: 'string', describe: 'write the proven leaf as stored (CBOR) to this file' }),
    async (flags) => {
      const index = wholeNumber('LEAF', flags.leaf);
      const { genesis } = resolveFlags(flags, session);
      await withConnection(flags, session, async ({ connection }) => {
        const { proveLeaf } = await import('../../src/operator/leaf-proof.js');
        const { LogReader } = await import('../../src/operator/log-reader.js');
        const trusted = genesis === undefined ? null : readGenesisFile(genesis).genesis;
        const proven = await proveLeaf(new LogReader(connection), index, trusted);
        if (flags.raw !== undefined) writeFileSync(flags.raw, proven.leaf);
        const document = {
          leafIndex: String(index),
          size: String(proven.size),
          leaf: hexOf(proven.leaf),
          proof: proven.text,
          quorumVerified: proven.isQuorumVerified,
        };
        print(session, flags, document, () => proven.text);
      });
    },
  );
}

// ---- verifying -----------------------------------------------------------------------------------------------------

function verify(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'verify',
    'verify the whole log: of the running nodes, or of a copied data directory',
    (sub) =>
      sub
        .option('data-dir', { type: 'string', describe: 'a copied data directory, verified offline' })
        .option('checkpoint', {
          type: 'string',
          array: true,
          describe: 'checkpoint kept from earlier: the log must still contain its tree',
        })
        .option('save-checkpoint', { type: 'string', describe: 'keep the verified checkpoint in this file' }),
    async (flags) => {
      if (flags.dataDir !== undefined) await verifyDirectory(flags, flags.dataDir, session);
      else await verifyNodes(flags, session);
    },
  );
}

async function verifyDirectory(flags: GlobalFlags, path: string, session: Session): Promise<void> {
  const { genesis } = resolveFlags(flags, session);
  const { DirectoryAuditor } = await import('../../src/operator/directory-auditor.js');
  const { StoreError } = await import('../../src/store/index.js');
  const trusted = genesis === undefined ? null : readGenesisFile(genesis);
  const auditor = new DirectoryAuditor();
  let report: DirectoryReport;
  try {
    report = await auditor.audit({ path, genesis: trusted });
  } catch (error) {
    if (error instanceof StoreError && error.code === 'DIRECTORY_NOT_FOUND') {
      throw usageError(`--data-dir: ${error.message}`, { cause: error });
    }
    throw error;
  } finally {
    auditor.close();
  }
  if (trusted === null) {
    session.stderr.write(
      'taactl: no --genesis was given: the directory is checked against its own genesis, which proves only that it fits itself\n',
    );
  }
  const { directory, log } = report;
  const document = {
    ...reportJson(report),
    trustedGenesis: trusted === null ? null : hexOf(trusted.hash),
    directory: directory === null ? null : { ...directory },
    log: log === null ? null : { lastIndex: String(log.lastIndex), replayedTo: String(log.replayedTo) },
    witnessedSize: report.witnessed === null ? null : String(report.witnessed),
    checkpoints: String(report.checkpoints),
  };
  print(session, flags, document, () =>
    reportTable(report, [
      ['directory', directory === null ? path : `${path}: node ${directory.node} of ${directory.cluster}`],
      ['consensus log', log === null ? '-' : `replayed to entry ${log.replayedTo} of ${log.lastIndex}`],
      ['witness', report.witnessed === null ? '-' : `size ${report.witnessed}`],
    ]),
  );
  session.exitCode = codeOfReport(report);
}

async function verifyNodes(
  flags: GlobalFlags & {
    readonly checkpoint?: string[] | undefined;
    readonly saveCheckpoint?: string | undefined;
  },
  session: Session,
): Promise<void> {
  const resolved = resolveFlags(flags, session);
  const trusted = readGenesisFile(required(resolved, 'genesis', 'trust comes from it and from nothing else'));
  const earlier = (flags.checkpoint ?? []).map((name) => ({
    name,
    note: new Uint8Array(readFileSync(name)),
  }));
  await withConnection(flags, session, async ({ connection, only, credentials }) => {
    if (credentials.identity.clusterId !== trusted.genesis.clusterId) {
      throw usageError(
        `the genesis is of ${trusted.genesis.clusterId}, your certificate of ${credentials.identity.clusterId}`,
      );
    }
    const { LogReader } = await import('../../src/operator/log-reader.js');
    const { auditNode } = await import('../../src/operator/node-audit.js');
    const readers = connection.nodes.map(({ endpoint }) => ({
      node: endpoint.node,
      reader: new LogReader(only(endpoint)),
    }));
    const [primary, ...others] = await reachableFirst(readers);
    if (primary === undefined) throw usageError('--endpoints names no node');
    const report = await auditNode({ genesis: trusted.genesis, primary, others, earlier });
    const document = {
      ...reportJson(report),
      trustedGenesis: hexOf(trusted.hash),
      downloadedFrom: primary.node,
      comparedWith: others.map(({ node }) => node),
    };
    print(session, flags, document, () =>
      reportTable(report, [
        ['downloaded from', primary.node],
        ['compared with', others.map(({ node }) => node).join(', ') || '-'],
      ]),
    );
    if (
      flags.saveCheckpoint !== undefined &&
      report.checkpoint !== undefined &&
      report.verdict !== 'damaged'
    ) {
      writeFileSync(flags.saveCheckpoint, report.checkpoint);
    }
    session.exitCode = codeOfReport(report);
  });
}

/** The first node that answers comes first; the others keep their order. @throws RpcError when none answers */
async function reachableFirst<T extends { readonly reader: { checkpoint(): Promise<unknown> } }>(
  nodes: readonly T[],
): Promise<readonly T[]> {
  let last: unknown = usageError('--endpoints names no node');
  for (const node of nodes) {
    try {
      await node.reader.checkpoint();
      return [node, ...nodes.filter((other) => other !== node)];
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

function codeOfReport({ verdict }: AuditReport): number {
  switch (verdict) {
    case 'intact':
      return exitCodes.ok;
    case 'damaged':
      return exitCodes.verificationFailed;
    case 'incomplete':
      return exitCodes.notFullyChecked;
  }
}

function reportJson(report: AuditReport) {
  const { records } = report;
  return {
    verdict: report.verdict,
    size: String(report.head.size),
    root: hexOf(report.head.root),
    publishedSize: String(report.published),
    records: {
      records: String(records.records),
      certificates: String(records.certificates),
      devices: String(records.devices),
      byType: Object.fromEntries(
        Object.entries(records.byType).map(([type, count]) => [type, String(count)]),
      ),
    },
    findings: report.findings.map((finding) => ({ ...finding })),
  };
}

const verdictTexts: Readonly<Record<AuditReport['verdict'], string>> = {
  intact: 'intact',
  incomplete: 'could not be fully checked; what was there is in order',
  damaged: 'DAMAGED',
};

function reportTable(report: AuditReport, own: readonly (readonly [string, string])[]): string {
  const fields = renderFields([
    ['verdict', verdictTexts[report.verdict]],
    ...own,
    ['tree', `${report.head.size} leaves, root ${hexOf(report.head.root)}`],
    ['published', `size ${report.published}`],
    ['certificates', `${report.records.certificates} verified, of ${report.records.devices} devices`],
  ]);
  if (report.findings.length === 0) return fields;
  return `${fields}\n${renderTable(
    [
      { title: 'finding', value: ({ code }) => code },
      { title: 'where', value: ({ where }) => where },
      { title: 'detail', value: ({ detail }) => detail },
    ],
    report.findings,
  )}`;
}
