/** `taactl clock …`: the nodes' clocks, their sources, what the log says of them, and leap seconds. */

import { writeFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { taiNs } from '../../src/time/types.js';
import { formatUtc } from '../../src/time/utc-label.js';
import type { GetClockResponse__Output } from '../../src/wire/gen/taa/v1/GetClockResponse.js';
import { word, yesNo } from './answers.js';
import { clocksOf, type ClockAnswer } from './clock-answers.js';
import { historyCommand } from './clock-history.js';
import { importCommand } from './clock-import.js';
import { leapCommand } from './clock-leap.js';
import { releaseCommand } from './clock-release.js';
import { formatNs } from './durations.js';
import { print, withConnection, type Connected, type GlobalFlags, type Session } from './settings.js';
import { answerJson, column, statusOfAll } from './status.js';
import { renderFields, renderTable } from './table.js';
import type { ListClientsRequest } from '../../src/wire/gen/taa/v1/ListClientsRequest.js';
import type { ListClientsResponse__Output } from '../../src/wire/gen/taa/v1/ListClientsResponse.js';

export function clockCommands(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('clock', "the nodes' clocks", (clock) => {
    status(clock, session);
    sources(clock, session);
    historyCommand(clock, session);
    leapCommand(clock, session);
    importCommand(clock, session);
    releaseCommand(clock, session);
    diagram(clock, session);
    return clock.demandCommand(
      1,
      'give one of: clock status, sources, history, plot, leap, import, release, diagram',
    );
  });
}

// ---- status --------------------------------------------------------------------------------------------------------

function status(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'status',
    'state, bound and sources of every clock',
    (sub) => sub,
    async (flags) => {
      await withConnection(flags, session, async (connected) => {
        const answers = await clocksOf(connected, session);
        print(session, flags, { nodes: answers.map(answerJson) }, () => clockTable(answers));
      });
    },
  );
}

function clockTable(answers: readonly ClockAnswer[]): string {
  const clocks = renderTable<ClockAnswer>(
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
      {
        title: 'leap table',
        value: column(({ leapStatus }) => (leapStatus?.approved === false ? 'NOT APPROVED' : 'approved')),
      },
      { title: 'epoch', value: column(({ epoch }) => epoch), right: true },
      { title: 'monitored', value: column(({ unmonitored }) => (unmonitored ? 'no' : 'yes')) },
      { title: 'peers', value: column(({ peers }) => peers) },
      { title: 'source', value: column(({ sourceName }) => sourceName) },
    ],
    answers,
  );
  const all = answers.flatMap((answer) =>
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
      { title: 'node - source', value: offsetOf },
      { title: 'age', value: ageOf, right: true },
    ],
    all,
  )}`;
}

interface Measured {
  readonly lastOffsetNs: string;
  readonly lastUncertaintyNs: string;
  readonly lastAgeNs: string;
}

const offsetOf = ({ lastOffsetNs, lastUncertaintyNs, lastAgeNs }: Measured): string =>
  lastAgeNs === '-1'
    ? 'never'
    : `${formatNs(BigInt(lastOffsetNs), true)} ±${formatNs(BigInt(lastUncertaintyNs))}`;

const ageOf = ({ lastAgeNs }: Measured): string =>
  lastAgeNs === '-1' ? '-' : formatNs((BigInt(lastAgeNs) / 1_000_000n) * 1_000_000n);

const utcOf = (tai: string | undefined): string =>
  tai === undefined || tai === '0' ? '-' : formatUtc(taiNs(BigInt(tai)), builtinLeapTable);

// ---- sources -------------------------------------------------------------------------------------------------------

function sources(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'sources',
    'every source of every clock: role, reach, last measurement, what was refused and why, budget',
    (sub) => sub,
    async (flags) => {
      await withConnection(flags, session, async (connected) => {
        const answers = await clocksOf(connected, session);
        const document = {
          nodes: answers.map((answer) =>
            'value' in answer
              ? {
                  node: answer.node,
                  reachable: true,
                  clockState: word(answer.value.state),
                  sources: answer.value.sources.map(sourceJson),
                }
              : answerJson(answer),
          ),
        };
        print(session, flags, document, () =>
          answers
            .flatMap((answer) =>
              'value' in answer
                ? answer.value.sources.map((source) => sourceFields(answer.node, answer.value, source))
                : [
                    renderFields([
                      ['node', answer.node],
                      ['error', answer.error.reason],
                    ]),
                  ],
            )
            .join('\n'),
        );
      });
    },
  );
}

type Source = GetClockResponse__Output['sources'][number];

const sourceJson = ({ rejections, ...source }: Source) => ({
  ...source,
  reach: reachOf(source.reach),
  rejections: Object.fromEntries(rejections.map(({ test, count }) => [test, count])),
});

/** The last eight questions, oldest first. */
const reachOf = (reach: number): string => reach.toString(2).padStart(8, '0');

function sourceFields(node: string, clock: GetClockResponse__Output, source: Source): string {
  const refused = source.rejections.map(({ test, count }) => `${test} ${count}`).join(', ');
  return renderFields([
    ['node', `${node} (clock ${word(clock.state) ?? ''})`],
    ['source', source.name],
    ['address', source.address || 'not resolved'],
    ['role', source.role === 'reference' ? 'reference: steers' : 'monitor: only watches, never steers'],
    ['gives', source.gives],
    ['authenticated', yesNo(source.authenticated)],
    ['reach', `${reachOf(source.reach)} (newest on the right)`],
    ['samples used', source.accepted],
    ['refused', refused === '' ? 'none' : refused],
    ['node - source', offsetOf(source)],
    ['round trip', source.lastAgeNs === '-1' ? '-' : formatNs(BigInt(source.lastDelayNs))],
    ['age', ageOf(source)],
    ['questions left', source.questionsLeft],
  ]);
}

// ---- diagram -------------------------------------------------------------------------------------------------------

function diagram(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'diagram',
    'configuration diagram: sources and their roles, nodes and sites, audited clocks',
    (sub) => sub.option('svg', { type: 'string', demandOption: true, describe: 'file to write' }),
    async (flags) => {
      await withConnection(flags, session, async (connected) => {
        const { clockDiagram } = await import('../../src/operator/clock-diagram.js');
        const input = await diagramInput(connected, session);
        writeFileSync(flags.svg, clockDiagram(input));
        const document = { file: flags.svg, nodes: input.nodes.length, clients: input.clients.length };
        print(session, flags, document, () =>
          renderFields(Object.entries(document).map(([key, value]) => [key, String(value)])),
        );
      });
    },
  );
}

async function diagramInput(connected: Connected, session: Session) {
  const [clocks, stati] = [await clocksOf(connected, session), await statusOfAll(connected.connection)];
  const views = stati.flatMap((answer) => ('value' in answer ? [answer.value] : []));
  const clockOf = (node: string) => {
    const answer = clocks.find((candidate) => candidate.node === node);
    return answer !== undefined && 'value' in answer ? answer.value : null;
  };
  const sessions = await connected.connection.callAll<ListClientsRequest, ListClientsResponse__Output>(
    ({ admin }) => admin.ListClients.bind(admin),
    {},
  );
  const listed = sessions.flatMap((answer) =>
    'value' in answer ? answer.value.clients.map((client) => ({ at: answer.node, client })) : [],
  );
  const devices = [...new Set(listed.map(({ client }) => client.device))].sort();
  const first = clocks.find((answer) => 'value' in answer);
  return {
    cluster: connected.connection.cluster,
    sourceName: first !== undefined && 'value' in first ? first.value.sourceName : '',
    laboratory: views[0]?.laboratory ?? false,
    nodes: (views[0]?.nodes ?? []).map(({ node, site, kind }) => {
      const clock = clockOf(node);
      return {
        node,
        site,
        kind,
        state: clock === null ? null : (word(clock.state) ?? ''),
        unmonitored: clock?.unmonitored ?? false,
        sources: clock?.sources ?? [],
      };
    }),
    clients: devices.map((device) => {
      const seen = listed.filter(({ client }) => client.device === device);
      return {
        device,
        subscriber: seen[0]?.client.subscriber ?? '',
        connectedTo: seen.filter(({ client }) => client.connected).map(({ at }) => at),
        stopped: seen[0]?.client.stopped ?? false,
      };
    }),
  };
}
