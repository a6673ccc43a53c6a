/** `taactl node inspect --dir DIR`: what a node's data directory holds, offline, part by part; nothing is changed. */

import type { Argv } from 'yargs';
import { hexOf } from '../../src/verify/bytes.js';
import type { Inspection } from '../../src/store/index.js';
import { CliError, exitCodes, usageError } from './outcome.js';
import { print, type GlobalFlags, type Session } from './settings.js';
import { renderFields, renderTable } from './table.js';

/** Entries that one call shows at most. */
const MAX_ENTRIES = 10_000;

export function inspectCommand(cli: Argv<GlobalFlags>, session: Session): Argv<GlobalFlags> {
  return cli.command(
    'inspect',
    'dump and check the consensus log, guard, witness and ledger of a stopped node',
    (sub) =>
      sub
        .option('dir', { type: 'string', demandOption: true, describe: 'the data directory' })
        .option('from', { type: 'number', describe: 'first entry to show' })
        .option('to', { type: 'number', describe: 'last entry to show' }),
    async (flags) => {
      const { inspectDirectory, StoreError } = await import('../../src/store/index.js');
      try {
        const range = rangeOf(flags.from, flags.to);
        show(flags, session, flags.dir, await inspectDirectory(flags.dir, range));
      } catch (error) {
        if (error instanceof StoreError && /NOT_FOUND|INCOMPLETE/.test(error.code)) {
          throw usageError(`--dir: ${error.message}`, { cause: error });
        }
        if (error instanceof StoreError) throw new CliError(exitCodes.failed, error.code, error.message);
        throw error;
      }
    },
  );
}

function rangeOf(from?: number, to?: number): { readonly from: number; readonly to: number } | null {
  if (from === undefined && to === undefined) return null;
  const first = from ?? 1;
  const range = { from: first, to: to ?? first + MAX_ENTRIES - 1 };
  if (!Number.isSafeInteger(range.from) || !Number.isSafeInteger(range.to) || range.from < 1) {
    throw usageError('--from and --to are indexes of entries, from 1 on');
  }
  if (range.to < range.from || range.to - range.from >= MAX_ENTRIES) {
    throw usageError(`--from … --to names between 1 and ${MAX_ENTRIES} entries`);
  }
  return range;
}

function show(flags: GlobalFlags, session: Session, path: string, found: Inspection): void {
  const { identity, hardState, marker, log, guard, witness, ledger, entries, findings } = found;
  const document = {
    verdict: findings.length === 0 ? 'intact' : 'damaged',
    findings: [...findings],
    directory:
      identity === null
        ? null
        : {
            path,
            cluster: identity.clusterId,
            node: identity.nodeId,
            incarnation: hexOf(identity.incarnation),
            engine: identity.engine,
          },
    hardState:
      hardState === null
        ? null
        : { term: String(hardState.term), vote: hardState.vote, commit: String(hardState.commit) },
    trimmedTo: marker === null ? null : String(marker.index),
    log:
      log === null
        ? null
        : {
            firstIndex: String(log.firstIndex),
            lastIndex: String(log.lastIndex),
            terms: log.termRuns.map(({ firstIndex, term }) => ({
              firstIndex: String(firstIndex),
              term: String(term),
            })),
          },
    guard:
      guard === null
        ? null
        : {
            term: String(guard.term),
            vote: guard.vote,
            lastIndex: String(guard.lastIndex),
            ledgerIndex: String(guard.ledgerIndex),
          },
    witness: witness === null ? null : { size: String(witness.size), root: hexOf(witness.root) },
    ledger:
      ledger === null
        ? null
        : {
            appliedIndex: String(ledger.appliedIndex),
            size: String(ledger.size),
            complete: ledger.origin?.next === null || ledger.origin === null,
          },
    entries: entries.map((entry) => ({
      index: String(entry.index),
      term: String(entry.term),
      kind: entry.kind,
      timeTaiNs: entry.time.toString(),
      bytes: String(entry.bytes),
      sha256: hexOf(entry.sha256),
    })),
  };
  print(session, flags, document, () => table(document));
  if (findings.length > 0) session.exitCode = exitCodes.verificationFailed;
}

function table(document: {
  readonly verdict: string;
  readonly findings: readonly string[];
  readonly directory: { readonly node: string; readonly cluster: string; readonly engine: string } | null;
  readonly hardState: { readonly term: string; readonly vote: string | null; readonly commit: string } | null;
  readonly trimmedTo: string | null;
  readonly log: { readonly firstIndex: string; readonly lastIndex: string } | null;
  readonly guard: { readonly term: string; readonly vote: string | null; readonly lastIndex: string } | null;
  readonly witness: { readonly size: string } | null;
  readonly ledger: {
    readonly appliedIndex: string;
    readonly size: string;
    readonly complete: boolean;
  } | null;
  readonly entries: readonly {
    readonly index: string;
    readonly term: string;
    readonly kind: string;
    readonly timeTaiNs: string;
    readonly bytes: string;
    readonly sha256: string;
  }[];
}): string {
  const { directory, hardState, trimmedTo, log, guard, witness, ledger, entries, findings } = document;
  const promised = (value: { readonly term: string; readonly vote: string | null } | null): string =>
    value === null ? 'cannot be read' : `term ${value.term}, vote ${value.vote ?? 'for nobody'}`;
  const fields = renderFields([
    ['verdict', document.verdict],
    ['node', directory === null ? '-' : `${directory.node} of ${directory.cluster} (${directory.engine})`],
    ['log', log === null ? 'damaged' : `entries ${log.firstIndex} to ${log.lastIndex}`],
    ['trimmed up to', trimmedTo ?? 'cannot be read'],
    ['promised', `${promised(hardState)}${hardState === null ? '' : `, committed ${hardState.commit}`}`],
    ['guard', guard === null ? 'cannot be read' : `${promised(guard)}, last entry ${guard.lastIndex}`],
    ['witness', witness === null ? 'nothing cosigned' : `size ${witness.size}`],
    [
      'ledger',
      ledger === null
        ? 'cannot be read'
        : `${ledger.size} leaves, applied to entry ${ledger.appliedIndex}${ledger.complete ? '' : ', still being fetched'}`,
    ],
  ]);
  const rows =
    entries.length === 0
      ? ''
      : renderTable<(typeof entries)[number]>(
          [
            { title: 'entry', value: ({ index }) => index, right: true },
            { title: 'term', value: ({ term }) => term, right: true },
            { title: 'kind', value: ({ kind }) => kind },
            { title: 'cluster time', value: ({ timeTaiNs }) => timeTaiNs, right: true },
            { title: 'bytes', value: ({ bytes }) => bytes, right: true },
            { title: 'sha256', value: ({ sha256 }) => sha256.slice(0, 16) },
          ],
          entries,
        );
  return [fields, rows, ...findings.map((finding) => `${finding}\n`)]
    .filter((part) => part !== '')
    .join('\n');
}
