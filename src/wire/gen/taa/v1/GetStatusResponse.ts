// Original file: proto/taa/v1/admin.proto

import type { RaftRole as _taa_v1_RaftRole, RaftRole__Output as _taa_v1_RaftRole__Output } from '../../taa/v1/RaftRole.js';
import type { ClockState as _taa_v1_ClockState, ClockState__Output as _taa_v1_ClockState__Output } from '../../taa/v1/ClockState.js';
import type { NodeStatus as _taa_v1_NodeStatus, NodeStatus__Output as _taa_v1_NodeStatus__Output } from '../../taa/v1/NodeStatus.js';
import type { Long } from '@grpc/proto-loader';

export interface GetStatusResponse {
  'cluster'?: (string);
  'laboratory'?: (boolean);
  'node'?: (string);
  'site'?: (string);
  'version'?: (string);
  'role'?: (_taa_v1_RaftRole);
  'term'?: (number | string | Long);
  /**
   * Empty while unknown.
   */
  'leader'?: (string);
  'lastIndex'?: (number | string | Long);
  'commitIndex'?: (number | string | Long);
  'appliedIndex'?: (number | string | Long);
  /**
   * Leaves in this node's tree.
   */
  'logSize'?: (number | string | Long);
  /**
   * RFC 6962 root of those leaves.
   */
  'root'?: (Buffer | Uint8Array | string);
  /**
   * Size of the newest published checkpoint.
   */
  'publishedSize'?: (number | string | Long);
  /**
   * Cluster time. Unit: TAI ns; 0 before the first.
   */
  'clusterTimeTaiNs'?: (number | string | Long);
  'clockState'?: (_taa_v1_ClockState);
  /**
   * Empty if the node is well; otherwise error reasons, e.g. LEDGER_DIVERGED.
   */
  'impairments'?: (string)[];
  'nodes'?: (_taa_v1_NodeStatus)[];
  'sessions'?: (number | string | Long);
  'storageEngine'?: (string);
  /**
   * What was found and what to do, a sentence each; begins with the reason. Not every impairment has one.
   */
  'impairmentDetails'?: (string)[];
  /**
   * Number of the membership in force; 0 for the first members.
   */
  'membershipVersion'?: (number | string | Long);
  /**
   * A change of the members is ordered and not in force yet.
   */
  'membershipPending'?: (boolean);
  /**
   * The last change is attested by a published checkpoint, so that another one can be ordered.
   */
  'membershipAttested'?: (boolean);
  /**
   * The ordered member that has not connected yet, as the leader sees it; empty otherwise.
   */
  'membershipAwaits'?: (string);
  /**
   * Sites whose loss stops the service.
   */
  'criticalSites'?: (string)[];
}

export interface GetStatusResponse__Output {
  'cluster': (string);
  'laboratory': (boolean);
  'node': (string);
  'site': (string);
  'version': (string);
  'role': (_taa_v1_RaftRole__Output);
  'term': (string);
  /**
   * Empty while unknown.
   */
  'leader': (string);
  'lastIndex': (string);
  'commitIndex': (string);
  'appliedIndex': (string);
  /**
   * Leaves in this node's tree.
   */
  'logSize': (string);
  /**
   * RFC 6962 root of those leaves.
   */
  'root': (Buffer);
  /**
   * Size of the newest published checkpoint.
   */
  'publishedSize': (string);
  /**
   * Cluster time. Unit: TAI ns; 0 before the first.
   */
  'clusterTimeTaiNs': (string);
  'clockState': (_taa_v1_ClockState__Output);
  /**
   * Empty if the node is well; otherwise error reasons, e.g. LEDGER_DIVERGED.
   */
  'impairments': (string)[];
  'nodes': (_taa_v1_NodeStatus__Output)[];
  'sessions': (string);
  'storageEngine': (string);
  /**
   * What was found and what to do, a sentence each; begins with the reason. Not every impairment has one.
   */
  'impairmentDetails': (string)[];
  /**
   * Number of the membership in force; 0 for the first members.
   */
  'membershipVersion': (string);
  /**
   * A change of the members is ordered and not in force yet.
   */
  'membershipPending': (boolean);
  /**
   * The last change is attested by a published checkpoint, so that another one can be ordered.
   */
  'membershipAttested': (boolean);
  /**
   * The ordered member that has not connected yet, as the leader sees it; empty otherwise.
   */
  'membershipAwaits': (string);
  /**
   * Sites whose loss stops the service.
   */
  'criticalSites': (string)[];
}
