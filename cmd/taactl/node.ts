/** `taactl node …`: the members of the cluster: who they are, how far they are, and orders about them; what a stopped one's directory holds. */

import type { Argv } from 'yargs';
import { hexOf } from '../../src/verify/bytes.js';
import type { MembershipAct } from '../../src/verify/membership-acts.js';
import type { Member } from '../../src/verify/membership.js';
import type { GetStatusResponse__Output } from '../../src/wire/gen/taa/v1/GetStatusResponse.js';
import type { NodeStatus__Output } from '../../src/wire/gen/taa/v1/NodeStatus.js';
import type { TransferLeadershipRequest } from '../../src/wire/gen/taa/v1/TransferLeadershipRequest.js';
import type { TransferLeadershipResponse__Output } from '../../src/wire/gen/taa/v1/TransferLeadershipResponse.js';
import { jsonOf, word, yesNo } from './answers.js';
import { inspectCommand } from './node-inspect.js';
import { print, withConnection, type GlobalFlags, type Session } from './settings.js';
import { statusOfAll } from './status.js';
import { renderFields, renderTable } from './table.js';

/** An election, and the time that the old leader gives it. */
const TRANSFER_DEADLINE_MS = 15_000;

export function nodeCommands(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('node', 'the nodes of the cluster', (node) => {
    inspectCommand(node, session);
    list(node, session);
    add(node, session);
    replace(node, session);
    remove(node, session);
    promote(node, session);
    transfer(node, session);
    return node.demandCommand(
      1,
      'give one of: node list, add, replace, remove, promote, transfer-leader, inspect',
    );
  });
}

// ---- list ----------------------------------------------------------------------------------------------------------

function list(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
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
          membership: {
            version: view?.membershipVersion ?? null,
            pending: view?.membershipPending ?? null,
            attested: view?.membershipAttested ?? null,
            awaits: view === undefined || view.membershipAwaits === '' ? null : view.membershipAwaits,
          },
          criticalSites: view?.criticalSites ?? [],
          nodes: nodes.map((row) => ({
            ...(jsonOf(row) as Record<string, never>),
            incarnation: incarnationOf(row),
            lag: view === undefined ? null : String(lagOf(row, view)),
          })),
        };
        print(session, flags, document, () =>
          view === undefined ? '' : `${nodeTable(nodes, view, document.leader)}\n${remarks(view)}`,
        );
      });
    },
  );
}

const incarnationOf = ({ incarnation }: NodeStatus__Output): string => hexOf(new Uint8Array(incarnation));

/** Entries that the node has not made durable yet, as the leader sees it. */
const lagOf = ({ matchIndex }: NodeStatus__Output, { lastIndex }: GetStatusResponse__Output): bigint =>
  BigInt(lastIndex) - BigInt(matchIndex);

function nodeTable(
  nodes: readonly NodeStatus__Output[],
  view: GetStatusResponse__Output,
  leader: string | null,
): string {
  return renderTable<NodeStatus__Output>(
    [
      { title: 'node', value: (row) => row.node },
      { title: 'site', value: (row) => row.site },
      { title: 'kind', value: (row) => row.kind },
      { title: 'takes part as', value: partOf },
      { title: 'leads', value: (row) => yesNo(row.node === leader) },
      { title: 'active', value: (row) => yesNo(row.recentlyActive) },
      { title: 'suspect', value: (row) => yesNo(row.suspect) },
      { title: 'durable', value: (row) => row.matchIndex, right: true },
      { title: 'lag', value: (row) => String(lagOf(row, view)), right: true },
      { title: 'cosigned', value: (row) => row.cosignedSize, right: true },
      { title: 'directory', value: (row) => incarnationOf(row).slice(0, 8) || '-' },
    ],
    nodes,
  );
}

const partOf = ({ inForce, standing }: NodeStatus__Output): string =>
  inForce ? standing || '-' : `joining${standing === '' ? '' : ` (${standing})`}`;

function remarks(view: GetStatusResponse__Output): string {
  const { membershipPending, membershipAttested, membershipAwaits, criticalSites } = view;
  const change = membershipPending
    ? membershipAwaits === ''
      ? 'under way'
      : `waits for ${membershipAwaits} to connect`
    : membershipAttested
      ? 'none'
      : 'in force, waits for the checkpoint that attests it';
  return renderFields([
    ['change', change],
    ['one site may fail', criticalSites.length === 0 ? 'yes, any' : `not ${criticalSites.join(', ')}`],
  ]);
}

// ---- orders --------------------------------------------------------------------------------------------------------

function add(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'add <member>',
    'order a new member in: it votes by itself once it holds the whole log; a standby only follows',
    (sub) => withAddress(sub.positional('member', memberFile)),
    async (flags) => {
      await submit(flags, session, async (cluster) => ({
        command: 'addNode',
        member: await readMember(flags.member, cluster, flags.address),
      }));
    },
  );
}

function replace(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'replace <node> <member>',
    'order a new member in, in the place of another one that leaves for good',
    (sub) => withReason(withAddress(sub.positional('node', nodeName).positional('member', memberFile))),
    async (flags) => {
      await submit(flags, session, async (cluster) => ({
        command: 'replaceNode',
        node: flags.node,
        member: await readMember(flags.member, cluster, flags.address),
        reason: flags.reason,
      }));
    },
  );
}

function remove(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'remove <node>',
    'order a member out for good, or take back an addition that has not come about',
    (sub) => withReason(sub.positional('node', nodeName)),
    async (flags) => {
      await submit(flags, session, () =>
        Promise.resolve({ command: 'removeNode', node: flags.node, reason: flags.reason }),
      );
    },
  );
}

function promote(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'promote <node>',
    'make a standby a voter',
    (sub) => sub.positional('node', nodeName),
    async (flags) => {
      await submit(flags, session, () => Promise.resolve({ command: 'promoteNode', node: flags.node }));
    },
  );
}

const nodeName = { type: 'string', demandOption: true, describe: 'name of the member' } as const;
const memberFile = {
  type: 'string',
  demandOption: true,
  describe: 'member.yaml of taactl ca issue --role node',
} as const;

const withAddress = <T>(cli: Argv<T>) =>
  cli.option('address', {
    type: 'string',
    demandOption: true,
    describe: 'host:port of its peers listener, as the other nodes reach it',
  });

const withReason = <T>(cli: Argv<T>) =>
  cli.option('reason', { type: 'string', demandOption: true, describe: 'why; stands in the audit log' });

async function readMember(file: string, cluster: string, address: string): Promise<Member> {
  const { readMemberFile } = await import('../../src/operator/genesis-making.js');
  return readMemberFile(file, cluster, address);
}

async function submit(
  flags: GlobalFlags,
  session: Session,
  actOf: (cluster: string) => Promise<MembershipAct>,
): Promise<void> {
  await withConnection(flags, session, async ({ connection, credentials }) => {
    const act = await actOf(connection.cluster);
    const { submitAct } = await import('../../src/operator/acts.js');
    const committed = await submitAct(connection, credentials.person, act);
    const node = 'member' in act ? act.member.id : act.node;
    const document = {
      command: act.command,
      node,
      leaf: String(committed.leaf),
      raftIndex: String(committed.raftIndex),
      committedBy: committed.node,
    };
    print(session, flags, document, () =>
      renderFields([
        ['ordered', act.command],
        ['node', node],
        ['record', `leaf ${committed.leaf}`],
        ['committed by', committed.node],
        ['next', 'taactl node list shows when it is in force'],
      ]),
    );
  });
}

// ---- leadership ----------------------------------------------------------------------------------------------------

function transfer(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'transfer-leader [node]',
    'hand leadership over, to the best voter if none is named',
    (sub) => sub.positional('node', { type: 'string', describe: 'name of the voter that is to lead' }),
    async (flags) => {
      await withConnection(flags, session, async ({ connection }) => {
        const { value, node } = await connection.call<
          TransferLeadershipRequest,
          TransferLeadershipResponse__Output
        >(
          ({ admin }) => admin.TransferLeadership.bind(admin),
          { node: flags.node ?? '' },
          TRANSFER_DEADLINE_MS,
        );
        const leader = value.leader === '' ? null : value.leader;
        print(session, flags, { from: node, leader }, () =>
          renderFields([
            ['handed over by', node],
            ['leader', leader ?? 'not known yet'],
          ]),
        );
      });
    },
  );
}
