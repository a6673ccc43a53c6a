/** `taactl clock leap`: what is known of the next possible leap second; approving a list, entering an announcement. */

import { readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { parseLeapTable } from '../../src/time/leap-table.js';
import { daysFromCivil } from '../../src/time/utc-label.js';
import { posixLabel } from '../../src/verify/calendar.js';
import { jsonOf } from './answers.js';
import { clocksOf, type ClockAnswer } from './clock-answers.js';
import { usageError } from './outcome.js';
import { print, withConnection, type GlobalFlags, type Session } from './settings.js';
import { answerJson, column } from './status.js';
import { submitOrder } from './orders.js';
import { renderTable } from './table.js';

export function leapCommand(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('leap', 'leap seconds: the list, the next possible one, what is decided about it', (leap) => {
    leap.command(
      ['show', '$0'],
      'what every node knows',
      (sub) => sub,
      async (flags) => {
        await withConnection(flags, session, async (connected) => {
          const answers = await clocksOf(connected, session);
          const document = {
            nodes: answers.map((answer) =>
              'value' in answer
                ? { node: answer.node, reachable: true, leap: jsonOf(answer.value.leapStatus) }
                : answerJson(answer),
            ),
          };
          print(session, flags, document, () => leapTable(answers));
        });
      },
    );
    approve(leap, session);
    enter(leap, session);
    return leap;
  });
}

const day = (posix: string | undefined): string =>
  posix === undefined || posix === '0' ? '-' : posixLabel(Number(posix)).slice(0, 10);

function leapTable(answers: readonly ClockAnswer[]): string {
  const nodes = renderTable<ClockAnswer>(
    [
      { title: 'node', value: ({ node }) => node },
      {
        title: 'next possible',
        value: column(({ leapStatus }) => `before ${day(leapStatus?.midnightPosixS)}`),
      },
      { title: 'list', value: column(({ leapStatus }) => leapStatus?.list ?? '') },
      { title: 'indicators', value: column(({ leapStatus }) => leapStatus?.indicator ?? '') },
      { title: 'operator', value: column(({ leapStatus }) => leapStatus?.operator ?? '') },
      { title: 'decision', value: column(({ leapStatus }) => leapStatus?.decision ?? '') },
      { title: 'table', value: column(({ leapStatus }) => (leapStatus?.tableHash ?? '').slice(0, 8)) },
      { title: 'ends', value: column(({ leapStatus }) => day(leapStatus?.tableExpiresPosixS)) },
      { title: 'days left', value: column(({ leapStatus }) => leapStatus?.tableDaysLeft ?? ''), right: true },
      {
        title: 'approved',
        value: column(({ leapStatus }) =>
          leapStatus?.approved === true ? 'yes' : 'NO: this node does not issue',
        ),
      },
    ],
    answers,
  );
  const first = answers.find((answer) => 'value' in answer);
  const known = first !== undefined && 'value' in first ? first.value.leapStatus : null;
  const approved =
    known === null || known.approvedHash === ''
      ? 'no list is approved yet: each node uses the one that its program was built with\n'
      : `approved list: ${known.approvedHash.slice(0, 8)} (${known.approvedSource})\n`;
  const entries = known?.announcements ?? [];
  if (entries.length === 0) return `${nodes}\n${approved}`;
  return `${nodes}\n${approved}\n${renderTable(
    [
      { title: 'entered for', value: ({ midnightPosixS }) => `before ${day(midnightPosixS)}` },
      {
        title: 'change',
        value: ({ change }) =>
          change === 0 ? 'none' : change > 0 ? '23:59:60 inserted' : '23:59:59 left out',
      },
      { title: 'reference', value: ({ reference }) => reference },
      { title: 'leaf', value: ({ leafIndex }) => leafIndex, right: true },
    ],
    entries,
  )}`;
}

function approve(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'approve',
    'approve a leap-seconds.list: nodes that use another one stop issuing',
    (sub) =>
      sub
        .option('file', { type: 'string', demandOption: true, describe: 'the list as published by IERS' })
        .option('source', { type: 'string', demandOption: true, describe: 'e.g. "IERS Bulletin C 73"' }),
    async (flags) => {
      const bytes = new Uint8Array(readFileSync(flags.file));
      // Read here first: a list that no node would accept needs no signature.
      const table = parseLeapTable(Buffer.from(bytes).toString('latin1'), flags.source);
      const { detailsOf } = await import('../../src/operator/acts.js');
      const details = detailsOf(bytes);
      await submitOrder(
        flags,
        session,
        { command: 'approveLeapTable', details: details.hash, source: flags.source },
        details,
        [
          ['check word', table.hash],
          ['ends', day(table.expiresPosix.toString())],
        ],
      );
    },
  );
}

const changes = { insert: 1, remove: -1, none: 0 } as const;

function enter(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'enter',
    'enter what was announced about the end of a month that the list does not cover',
    (sub) =>
      sub
        .option('month', {
          type: 'string',
          demandOption: true,
          describe: 'month at whose end it is, e.g. 2027-06',
        })
        .option('change', {
          choices: Object.keys(changes) as (keyof typeof changes)[],
          demandOption: true,
          describe: 'insert 23:59:60, remove 23:59:59, or none',
        })
        .option('reference', {
          type: 'string',
          demandOption: true,
          describe: 'where it was announced, e.g. "IERS Bulletin C 73"',
        }),
    async (flags) => {
      const midnight = endOf(flags.month);
      await submitOrder(
        flags,
        session,
        { command: 'enterLeap', midnight, change: changes[flags.change], reference: flags.reference },
        null,
        [['midnight', `before ${day(midnight.toString())}`]],
      );
    },
  );
}

/** 00:00:00 UTC of the first of the month after. @throws CliError usage */
function endOf(month: string): bigint {
  const [, year, number] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month) ?? [];
  if (year === undefined || number === undefined) {
    throw usageError(`--month: ${JSON.stringify(month)} is not a month; write e.g. 2027-06`);
  }
  const [nextYear, next] = number === '12' ? [Number(year) + 1, 1] : [Number(year), Number(number) + 1];
  return BigInt(daysFromCivil(nextYear, next, 1)) * 86_400n;
}
