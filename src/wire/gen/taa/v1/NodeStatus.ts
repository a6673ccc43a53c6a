// Original file: proto/taa/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface NodeStatus {
  'node'?: (string);
  'site'?: (string);
  /**
   * full or witness.
   */
  'kind'?: (string);
  /**
   * As seen by the answering node, if it leads: highest durable Raft index.
   */
  'matchIndex'?: (number | string | Long);
  'recentlyActive'?: (boolean);
  /**
   * Size of the newest tree that this node has cosigned, as seen by the answering node.
   */
  'cosignedSize'?: (number | string | Long);
}

export interface NodeStatus__Output {
  'node': (string);
  'site': (string);
  /**
   * full or witness.
   */
  'kind': (string);
  /**
   * As seen by the answering node, if it leads: highest durable Raft index.
   */
  'matchIndex': (string);
  'recentlyActive': (boolean);
  /**
   * Size of the newest tree that this node has cosigned, as seen by the answering node.
   */
  'cosignedSize': (string);
}
