/** `taactl status`: how the cluster stands, as each node sees it. */

import type { Argv } from 'yargs';
import type { RpcError } from '../../src/wire/rpc-error.js';
import type { GetStatusRequest } from '../../src/wire/gen/taa/v1/GetStatusRequest.js';
import type { GetStatusResponse__Output } from '../../src/wire/gen/taa/v1/GetStatusResponse.js';
import { jsonOf, word } from './answers.js';
import type { Connection } from '../../src/operator/connection.js';
import { exitCodes } from './outcome.js';
import { print, withConnection, type GlobalFlags, type Session } from './settings.js';
import { renderFields, renderTable } from './table.js';

export type NodeAnswer<T> = { readonly node: string } & (
  { readonly value: T } | { readonly error: RpcError }
);

/** Every node's status. @throws RpcError of the last node when none answers */
export async function statusOfAll(
  connection: Connection,
): Promise<readonly NodeAnswer<GetStatusResponse__Output>[]> {
  const answers = await connection.callAll<GetStatusRequest, GetStatusResponse__Output>(
    ({ admin }) => admin.GetStatus.bind(admin),
    {},
  );
  const last = answers.at(-1);
  if (last !== undefined && 'error' in last && answers.every((answer) => 'error' in answer)) throw last.error;
  return answers;
}

export function answerJson(answer: NodeAnswer<object>) {
  return 'value' in answer
    ? { node: answer.node, reachable: true, ...(jsonOf(answer.value) as Record<string, never>) }
    : { node: answer.node, reachable: false, error: answer.error.reason, detail: answer.error.detail };
}

export function statusCommand(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'status',
    'how the cluster stands: leader, log, published checkpoint, clocks',
    (sub) => sub,
    async (flags) => {
      await withConnection(flags, session, async ({ connection }) => {
        const answers = await statusOfAll(connection);
        const views = answers.flatMap((answer) => ('value' in answer ? [answer.value] : []));
        const best = views.find((view) => word(view.role) === 'leader') ?? views[0];
        const document = {
          cluster: connection.cluster,
          laboratory: best?.laboratory ?? null,
          leader: best === undefined || best.leader === '' ? null : best.leader,
          term: best?.term ?? null,
          logSize: best?.logSize ?? null,
          publishedSize: best?.publishedSize ?? null,
          clusterTimeTaiNs: best?.clusterTimeTaiNs ?? null,
          nodes: answers.map(answerJson),
        };
        print(session, flags, document, () => statusTable(document, answers));
        // Some, but not all, of the nodes that were asked for answered.
        if (views.length < answers.length) session.exitCode = exitCodes.notFullyChecked;
      });
    },
  );
}

function statusTable(
  document: { readonly cluster: string; readonly leader: string | null; readonly laboratory: boolean | null },
  answers: readonly NodeAnswer<GetStatusResponse__Output>[],
): string {
  const head = renderFields([
    ['cluster', `${document.cluster}${document.laboratory === true ? ' (laboratory: not UTC(NICT))' : ''}`],
    ['leader', document.leader ?? 'none: nothing can be committed'],
  ]);
  const table = renderTable<NodeAnswer<GetStatusResponse__Output>>(
    [
      { title: 'node', value: ({ node }) => node },
      { title: 'site', value: column(({ site }) => site) },
      { title: 'role', value: column(({ role }) => word(role) ?? '') },
      { title: 'term', value: column(({ term }) => term), right: true },
      { title: 'applied', value: column(({ appliedIndex }) => appliedIndex), right: true },
      { title: 'log size', value: column(({ logSize }) => logSize), right: true },
      { title: 'published', value: column(({ publishedSize }) => publishedSize), right: true },
      { title: 'clock', value: column(({ clockState }) => word(clockState) ?? '') },
      { title: 'sessions', value: column(({ sessions }) => sessions), right: true },
      {
        title: 'state',
        value: (answer) =>
          'error' in answer
            ? `${answer.error.reason}: ${answer.error.detail}`
            : answer.value.impairments.join(' ') || 'ok',
      },
    ],
    answers,
  );
  const details = answers.flatMap((answer) =>
    'value' in answer ? answer.value.impairmentDetails.map((detail) => `${answer.node}: ${detail}`) : [],
  );
  return [head, table, ...details].join('\n');
}

/** A cell of a node that may not have answered. */
export const column =
  <T>(value: (answer: T) => string) =>
  (answer: NodeAnswer<T>): string =>
    'value' in answer ? value(answer.value) : '-';
