/** `taactl clock status`: every node's clock with its bound and its sources. */

import type { Argv } from 'yargs';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { taiNs } from '../../src/time/types.js';
import { formatUtc } from '../../src/time/utc-label.js';
import type { GetClockRequest } from '../../src/wire/gen/taa/v1/GetClockRequest.js';
import type { GetClockResponse__Output } from '../../src/wire/gen/taa/v1/GetClockResponse.js';
import { word } from './answers.js';
import { formatNs } from './durations.js';
import { exitCodes } from './outcome.js';
import { print, withConnection, type GlobalFlags, type Session } from './settings.js';
import { answerJson, column, type NodeAnswer } from './status.js';
import { renderTable } from './table.js';

export function clockCommands(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('clock', "the nodes' clocks", (clock) =>
    clock
      .command(
        'status',
        'state, bound and sources of every clock',
        (sub) => sub,
        async (flags) => {
          await withConnection(flags, session, async ({ connection }) => {
            const answers = await connection.callAll<GetClockRequest, GetClockResponse__Output>(
              ({ admin }) => admin.GetClock.bind(admin),
              {},
            );
            const answered = answers.filter((answer) => 'value' in answer);
            const last = answers.at(-1);
            if (answered.length === 0 && last !== undefined && 'error' in last) throw last.error;
            print(session, flags, { nodes: answers.map(answerJson) }, () => clockTable(answers));
            if (answered.length < answers.length) session.exitCode = exitCodes.notFullyChecked;
          });
        },
      )
      .demandCommand(1, 'give one of: clock status'),
  );
}

type Answer = NodeAnswer<GetClockResponse__Output>;

function clockTable(answers: readonly Answer[]): string {
  const clocks = renderTable<Answer>(
    [
      { title: 'node', value: ({ node }) => node },
      { title: 'state', value: column(({ state }) => word(state) ?? '') },
      { title: 'utc', value: column(({ now }) => utcOf(now?.bestTaiNs)) },
      {
        title: 'bound',
        value: column(({ now }) =>
          now === null
            ? '-'
            : `±${formatNs((BigInt(now.latestTaiNs) - BigInt(now.earliestTaiNs) + 1n) / 2n)}`,
        ),
        right: true,
      },
      { title: 'leap', value: column(({ leap }) => word(leap) ?? '') },
      { title: 'epoch', value: column(({ epoch }) => epoch), right: true },
      { title: 'monitored', value: column(({ unmonitored }) => (unmonitored ? 'no' : 'yes')) },
      { title: 'source', value: column(({ sourceName }) => sourceName) },
    ],
    answers,
  );
  const sources = answers.flatMap((answer) =>
    'value' in answer ? answer.value.sources.map((source) => ({ node: answer.node, ...source })) : [],
  );
  return `${clocks}\n${renderTable(
    [
      { title: 'node', value: ({ node }) => node },
      { title: 'source', value: ({ name }) => name },
      { title: 'address', value: ({ address }) => address },
      { title: 'role', value: ({ role }) => role },
      { title: 'accepted', value: ({ accepted }) => accepted, right: true },
      { title: 'rejected', value: ({ rejected }) => rejected, right: true },
      {
        title: 'source - node',
        value: ({ lastOffsetNs, lastUncertaintyNs, lastAgeNs }) =>
          lastAgeNs === '-1'
            ? 'never'
            : `${formatNs(BigInt(lastOffsetNs), true)} ±${formatNs(BigInt(lastUncertaintyNs))}`,
      },
      {
        title: 'age',
        value: ({ lastAgeNs }) =>
          lastAgeNs === '-1' ? '-' : formatNs((BigInt(lastAgeNs) / 1_000_000n) * 1_000_000n),
        right: true,
      },
    ],
    sources,
  )}`;
}

const utcOf = (tai: string | undefined): string =>
  tai === undefined || tai === '0' ? '-' : formatUtc(taiNs(BigInt(tai)), builtinLeapTable);
