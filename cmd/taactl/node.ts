/** `taactl node …`: the members, as the leader sees them, and what a stopped node's directory holds. */

import type { Argv } from 'yargs';
import type { NodeStatus__Output } from '../../src/wire/gen/taa/v1/NodeStatus.js';
import { jsonOf, word, yesNo } from './answers.js';
import { inspectCommand } from './node-inspect.js';
import { print, withConnection, type GlobalFlags, type Session } from './settings.js';
import { statusOfAll } from './status.js';
import { renderTable } from './table.js';

export function nodeCommands(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('node', 'the nodes of the cluster', (node) =>
    inspectCommand(node, session)
      .command(
        'list',
        'members with site, kind and how far they are',
        (sub) => sub,
        async (flags) => {
          await withConnection(flags, session, async ({ connection }) => {
            const answers = await statusOfAll(connection);
            const views = answers.flatMap((answer) => ('value' in answer ? [answer.value] : []));
            const view = views.find(({ role }) => word(role) === 'leader') ?? views[0];
            const nodes = view?.nodes ?? [];
            const document = {
              seenBy: view?.node ?? null,
              leader: view === undefined || view.leader === '' ? null : view.leader,
              nodes: jsonOf(nodes),
            };
            print(session, flags, document, () =>
              renderTable<NodeStatus__Output>(
                [
                  { title: 'node', value: (row) => row.node },
                  { title: 'site', value: (row) => row.site },
                  { title: 'kind', value: (row) => row.kind },
                  { title: 'leads', value: (row) => yesNo(row.node === document.leader) },
                  { title: 'active', value: (row) => yesNo(row.recentlyActive) },
                  { title: 'durable', value: (row) => row.matchIndex, right: true },
                  { title: 'cosigned', value: (row) => row.cosignedSize, right: true },
                ],
                nodes,
              ),
            );
          });
        },
      )
      .demandCommand(1, 'give one of: node list, inspect'),
  );
}
