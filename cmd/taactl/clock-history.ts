/** `taactl clock history` and `plot`: what the log says of the clocks over a period. */

import { writeFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { taiNs, type TaiNs } from '../../src/time/types.js';
import { formatUtc, parseUtc } from '../../src/time/utc-label.js';
import { posixLabel } from '../../src/verify/calendar.js';
import type { ClockHistoryFact, Period } from '../../src/operator/clock-history.js';
import type { GetClockRequest } from '../../src/wire/gen/taa/v1/GetClockRequest.js';
import type { GetClockResponse__Output } from '../../src/wire/gen/taa/v1/GetClockResponse.js';
import { formatNs, parseDuration } from './durations.js';
import { usageError } from './outcome.js';
import type { Json } from './output.js';
import { print, withConnection, type Connected, type GlobalFlags, type Session } from './settings.js';
import { renderFields, renderTable } from './table.js';

const kinds = ['comparison', 'transition', 'anomaly', 'leap', 'correction'] as const;

const periodOptions = <T>(sub: Argv<T>) =>
  sub
    .option('since', {
      type: 'string',
      default: '24h',
      describe: 'length of the period up to the newest record',
    })
    .option('from', {
      type: 'string',
      describe: 'its beginning, 2026-11-24T12:00:00Z or …+09:00, instead of --since',
    })
    .option('to', { type: 'string', describe: 'its end, not included; the newest record if left out' });

export function historyCommand(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'history',
    'comparisons, transitions, anomalies, leap seconds and later known corrections, from the log',
    (sub) =>
      periodOptions(sub)
        .option('node', { type: 'string', describe: 'only this node' })
        .option('kind', { choices: kinds, describe: 'only this kind of fact' }),
    async (flags) => {
      await withConnection(flags, session, async (connected) => {
        const { period, facts } = await history(connected, flags);
        const shown = facts.filter(
          (fact) =>
            (flags.node === undefined || fact.node === flags.node || isOf(fact, flags.node)) &&
            (flags.kind === undefined || fact.kind === flags.kind),
        );
        const document = {
          fromTaiNs: period.from.toString(),
          toTaiNs: period.to.toString(),
          facts: shown.map(factJson),
        };
        print(session, flags, document, () => factTable(shown));
      });
    },
  );
  cli.command(
    'plot',
    'offset, bound, limits and state of one clock over a period, as a drawing',
    (sub) =>
      periodOptions(sub)
        .option('svg', { type: 'string', demandOption: true, describe: 'file to write' })
        .option('node', { type: 'string', describe: 'whose clock; the first endpoint if left out' }),
    async (flags) => {
      await withConnection(flags, session, async (connected) => {
        const node = flags.node ?? connected.connection.nodes[0]?.endpoint.node ?? '';
        const { period, facts } = await history(connected, flags);
        const { value } = await connected.connection.call<GetClockRequest, GetClockResponse__Output>(
          ({ admin }) => admin.GetClock.bind(admin),
          {},
        );
        const own = facts.filter((fact) => fact.node === node);
        const { clockPlot } = await import('../../src/operator/clock-plot.js');
        const drawing = clockPlot({
          cluster: connected.connection.cluster,
          node,
          sourceName: value.sourceName,
          period,
          facts: own,
          syncLimitNs: BigInt(value.syncLimitNs),
          holdLimitNs: BigInt(value.holdLimitNs),
        });
        writeFileSync(flags.svg, drawing);
        const document = {
          file: flags.svg,
          node,
          from: utc(period.from),
          to: utc(period.to),
          facts: own.length,
        };
        print(session, flags, document, () =>
          renderFields(Object.entries(document).map(([key, value_]) => [key, String(value_)])),
        );
      });
    },
  );
}

const isOf = (fact: ClockHistoryFact, node: string): boolean =>
  fact.kind === 'correction' && fact.of === node;

const utc = (tai: TaiNs): string => formatUtc(tai, builtinLeapTable);

interface PeriodFlags {
  readonly since: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

async function history(
  { connection }: Connected,
  flags: PeriodFlags,
): Promise<{ readonly period: Period; readonly facts: readonly ClockHistoryFact[] }> {
  const { LogReader } = await import('../../src/operator/log-reader.js');
  const { newestTime, readClockHistory } = await import('../../src/operator/clock-history.js');
  const reader = new LogReader(connection);
  // The newest record belongs to the period that ends with it.
  const to = flags.to === undefined ? taiNs((await newestTime(reader)) + 1n) : instant('--to', flags.to);
  const from =
    flags.from === undefined
      ? taiNs(to - parseDuration('--since', flags.since))
      : instant('--from', flags.from);
  if (from >= to) throw usageError('the period ends before it begins; check --from and --to');
  const period = { from, to };
  return { period, facts: await readClockHistory(reader, period) };
}

function instant(flag: string, label: string): TaiNs {
  const found = parseUtc(label, builtinLeapTable);
  if (found !== null) return found;
  throw usageError(`${flag}: ${JSON.stringify(label)} is not an instant; write e.g. 2026-11-24T12:00:00Z`);
}

/** 64-bit numbers as decimal strings; leaves and counts too, as everywhere. */
function factJson(fact: ClockHistoryFact): Json {
  return {
    utc: utc(fact.time),
    ...Object.fromEntries(
      Object.entries(fact).map(([key, value]): [string, Json] => [
        key,
        typeof value === 'bigint' || typeof value === 'number' ? value.toString() : (value as Json),
      ]),
    ),
  };
}

const factTable = (facts: readonly ClockHistoryFact[]): string =>
  renderTable<ClockHistoryFact>(
    [
      { title: 'leaf', value: ({ leaf }) => String(leaf), right: true },
      { title: 'cluster time (UTC)', value: ({ time }) => utc(time).slice(0, 23) },
      { title: 'node', value: ({ node }) => node },
      { title: 'what', value: whatOf },
      { title: 'says', value: saysOf },
    ],
    facts,
  );

function whatOf(fact: ClockHistoryFact): string {
  switch (fact.kind) {
    case 'comparison':
      return fact.role === 'reference' ? 'TAA - reference' : 'TAA - monitor';
    case 'leap':
      return `leap ${fact.phase}`;
    case 'correction':
      return fact.what;
    case 'transition':
    case 'anomaly':
      return fact.kind;
  }
}

function saysOf(fact: ClockHistoryFact): string {
  switch (fact.kind) {
    case 'comparison': {
      const level = fact.level === 'ok' ? '' : ` ${fact.level.toUpperCase()}`;
      return `${formatNs(fact.offsetNs, true)} ±${formatNs(fact.uncertaintyNs)} against ${fact.source}, ${fact.state}${level}`;
    }
    case 'transition':
      return `${fact.from} to ${fact.to}, epoch ${fact.epoch}`;
    case 'anomaly':
      return `${fact.code}${fact.source === '' ? '' : ` (${fact.source})`}: ${fact.detail}`;
    case 'leap': {
      if (fact.midnight === null) return fact.says;
      const change =
        fact.change === 0 ? 'no leap second' : fact.change > 0 ? '23:59:60 inserted' : '23:59:59 left out';
      return `${change} before ${utc(fact.midnight).slice(0, 10)}: ${fact.says}`;
    }
    case 'correction': {
      const spread = fact.spreadPs === null ? '' : ` ±${formatPs(fact.spreadPs)}`;
      const when = `${posixLabel(Number(fact.fromPosix))}${fact.toPosix === fact.fromPosix ? '' : ` to ${posixLabel(Number(fact.toPosix))}`}`;
      const of = fact.of === null ? '' : ` at ${fact.of}`;
      const count = fact.count > 1 ? `, ${fact.count} tracks` : '';
      return `${formatPs(fact.valuePs, true)}${spread}${of} at ${when}, ${fact.from}${count}; known later`;
    }
  }
}

/** Picoseconds as nanoseconds with three decimals. */
export function formatPs(ps: bigint, sign = false): string {
  const magnitude = ps < 0n ? -ps : ps;
  const mark = ps < 0n ? '-' : sign && ps > 0n ? '+' : '';
  return `${mark}${magnitude / 1_000n}.${(magnitude % 1_000n).toString().padStart(3, '0')} ns`;
}
