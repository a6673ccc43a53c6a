/** taa.v1.AdminService: status and signed commands. A command's authority is its signature, not its deliverer. */

import {
  auditPolicyToProto,
  clockStates,
  instantOfReading,
  instantToProto,
  leapStates,
  verdicts,
} from '../wire/mapping.js';
import { bytesOf, textOf } from '../wire/fields.js';
import type { Client } from '../wire/gen/taa/v1/Client.js';
import type { GetClockRequest__Output } from '../wire/gen/taa/v1/GetClockRequest.js';
import type { GetClockResponse } from '../wire/gen/taa/v1/GetClockResponse.js';
import type { GetGenesisRequest__Output } from '../wire/gen/taa/v1/GetGenesisRequest.js';
import type { GetGenesisResponse } from '../wire/gen/taa/v1/GetGenesisResponse.js';
import type { GetStatusRequest__Output } from '../wire/gen/taa/v1/GetStatusRequest.js';
import type { GetStatusResponse } from '../wire/gen/taa/v1/GetStatusResponse.js';
import type { LeapStatus } from '../wire/gen/taa/v1/LeapStatus.js';
import type { ListClientsRequest__Output } from '../wire/gen/taa/v1/ListClientsRequest.js';
import type { ListClientsResponse } from '../wire/gen/taa/v1/ListClientsResponse.js';
import type { RaftRole } from '../wire/gen/taa/v1/RaftRole.js';
import type { TransferLeadershipRequest__Output } from '../wire/gen/taa/v1/TransferLeadershipRequest.js';
import type { TransferLeadershipResponse } from '../wire/gen/taa/v1/TransferLeadershipResponse.js';
import type { SubmitCommandRequest__Output } from '../wire/gen/taa/v1/SubmitCommandRequest.js';
import type { SubmitCommandResponse } from '../wire/gen/taa/v1/SubmitCommandResponse.js';
import type { ClientView, ClockSourceView, ClockView, LeapView, NodeDoors, NodeStatusView } from './doors.js';
import { RpcError } from './errors.js';
import type { Guard } from './guard.js';
import { unary } from './handlers.js';

/** Bounds of a signed command. Unit: bytes, or characters for texts. */
const commandLimits = {
  statement: 65_536,
  signer: 128,
  algorithm: 32,
  signature: 1_024,
  body: 524_288,
} as const;

export function adminHandlers(doors: Pick<NodeDoors, 'admin'>, guard: Guard) {
  const { admin } = doors;
  return {
    GetStatus: unary<GetStatusRequest__Output, GetStatusResponse>(guard, () =>
      statusToProto(admin.status(), admin.clock().reading.state),
    ),

    SubmitCommand: unary<SubmitCommandRequest__Output, SubmitCommandResponse>(guard, async (request) => {
      const { leaf, raftIndex } = await admin.submit({
        statement: bytesOf('statement', request.statement, 1, commandLimits.statement),
        signer: textOf('signer', request.signer, commandLimits.signer),
        algorithm: textOf('algorithm', request.algorithm, commandLimits.algorithm),
        signature: bytesOf('signature', request.signature, 1, commandLimits.signature),
        body: bytesOf('body', request.body, 0, commandLimits.body),
        bodySalt: bytesOf('body_salt', request.bodySalt, 0, 16),
      });
      return { leafIndex: leaf, raftIndex };
    }),

    ListClients: unary<ListClientsRequest__Output, ListClientsResponse>(guard, (request) => {
      const device = textOf('device', request.device, 128);
      const views = admin.clients(device === '' ? null : device);
      if (device !== '' && views.length === 0)
        throw new RpcError('NOT_FOUND', `there is no device ${device}`);
      return { clients: views.map(clientToProto) };
    }),

    GetClock: unary<GetClockRequest__Output, GetClockResponse>(guard, () =>
      clockToProto(admin.status().node, admin.clock()),
    ),

    TransferLeadership: unary<TransferLeadershipRequest__Output, TransferLeadershipResponse>(
      guard,
      async (request) => {
        const node = textOf('node', request.node, 64);
        return { leader: (await admin.transferLeadership(node === '' ? null : node)) ?? '' };
      },
    ),

    GetGenesis: unary<GetGenesisRequest__Output, GetGenesisResponse>(guard, () => ({
      genesis: admin.genesis(),
    })),
  };
}

const raftRoles: Readonly<Record<NodeStatusView['role'], RaftRole>> = {
  follower: 'RAFT_ROLE_FOLLOWER',
  preCandidate: 'RAFT_ROLE_PRE_CANDIDATE',
  candidate: 'RAFT_ROLE_CANDIDATE',
  leader: 'RAFT_ROLE_LEADER',
};

function statusToProto(
  view: NodeStatusView,
  clockState: Parameters<typeof clockStates.proto>[0],
): GetStatusResponse {
  return {
    cluster: view.cluster,
    laboratory: view.laboratory,
    node: view.node,
    site: view.site,
    version: view.version,
    role: raftRoles[view.role],
    term: view.term,
    leader: view.leader ?? '',
    lastIndex: view.lastIndex,
    commitIndex: view.commitIndex,
    appliedIndex: view.appliedIndex,
    logSize: view.logSize,
    root: view.root,
    publishedSize: view.publishedSize,
    clusterTimeTaiNs: view.clusterTime.toString(),
    clockState: clockStates.proto(clockState),
    impairments: [...view.impairments],
    impairmentDetails: [...view.impairmentDetails],
    nodes: view.nodes.map((node) => ({ ...node })),
    sessions: view.sessions,
    storageEngine: view.storageEngine,
    membershipVersion: view.membershipVersion,
    membershipPending: view.membershipPending,
    membershipAttested: view.membershipAttested,
    membershipAwaits: view.membershipAwaits,
    criticalSites: [...view.criticalSites],
  };
}

function clientToProto({ device, connected, lastAudit, policy }: ClientView): Client {
  return {
    device: device.id,
    subscriber: device.subscriber,
    identity: device.identity,
    policy: auditPolicyToProto(policy),
    stopped: device.stop !== null,
    stopReason: device.stop?.reason ?? '',
    stopOrder: device.stop?.leaf ?? 0,
    stopAcknowledged: device.stop?.acknowledgedLeaf !== null && device.stop !== null,
    lastSequence: device.lastSequence,
    connected,
    ...(lastAudit === null
      ? {}
      : {
          lastVerdict: verdicts.proto(lastAudit.judgement.verdict),
          lastLowNs: lastAudit.judgement.low.toString(),
          lastHighNs: lastAudit.judgement.high.toString(),
        }),
  };
}

function clockToProto(node: string, view: ClockView): GetClockResponse {
  const { reading, sources, sourceName, site, syncLimitNs, holdLimitNs, leap } = view;
  return {
    node,
    now: instantToProto(instantOfReading(reading)),
    state: clockStates.proto(reading.state),
    epoch: reading.epoch,
    acceptedSamples: reading.samples,
    rhoPpb: reading.rhoPpb,
    leap: leapStates.proto(reading.leap),
    unmonitored: reading.unmonitored,
    peers: reading.peers,
    peerRounds: reading.peerRounds,
    sources: sources.map(sourceToProto),
    sourceName,
    site,
    syncLimitNs: syncLimitNs.toString(),
    holdLimitNs: holdLimitNs.toString(),
    leapStatus: leapToProto(leap),
  };
}

const leapToProto = (leap: LeapView): LeapStatus => ({
  midnightPosixS: leap.midnight.toString(),
  list: leap.list,
  indicator: leap.indicator,
  operator: leap.operator,
  decision: leap.decision,
  tableHash: leap.tableHash,
  tableSource: leap.tableSource,
  tableExpiresPosixS: leap.tableExpires.toString(),
  tableDaysLeft: leap.tableDaysLeft,
  approvedHash: leap.approved?.hash ?? '',
  approvedSource: leap.approved?.source ?? '',
  approved: leap.isApproved,
  announcements: leap.announcements.map(({ midnight, change, reference, leaf }) => ({
    midnightPosixS: midnight.toString(),
    change,
    reference,
    leafIndex: leaf,
  })),
});

const sourceToProto = (source: ClockSourceView) => ({
  name: source.name,
  address: source.address,
  role: source.role,
  accepted: source.accepted,
  rejected: source.rejected,
  lastOffsetNs: source.lastOffsetNs.toString(),
  lastUncertaintyNs: source.lastUncertaintyNs.toString(),
  lastDelayNs: source.lastDelayNs.toString(),
  lastAgeNs: source.lastAgeNs.toString(),
  authenticated: source.authenticated,
  unanswered: source.unanswered,
  rejections: Object.entries(source.rejectedBy).map(([test, count]) => ({ test, count })),
  questionsLeft: source.questionsLeft,
  reach: source.reach,
  gives: source.gives,
});
