// Original file: proto/taa/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface NodeStatus {
  'node'?: (string);
  'site'?: (string);
  /**
   * full, witness or standby.
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
  /**
   * How it takes part in consensus: voter, witness, staging, standby or outside.
   */
  'standing'?: (string);
  /**
   * Its data directory, 16 bytes; empty while it is not known.
   */
  'incarnation'?: (Buffer | Uint8Array | string);
  /**
   * Its durable log became shorter than it was: it does not count and has to be replaced.
   */
  'suspect'?: (boolean);
  /**
   * Address of its peers listener as ordered; empty for members of the genesis.
   */
  'address'?: (string);
  /**
   * False while its addition is ordered and not in force.
   */
  'inForce'?: (boolean);
}

export interface NodeStatus__Output {
  'node': (string);
  'site': (string);
  /**
   * full, witness or standby.
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
  /**
   * How it takes part in consensus: voter, witness, staging, standby or outside.
   */
  'standing': (string);
  /**
   * Its data directory, 16 bytes; empty while it is not known.
   */
  'incarnation': (Buffer);
  /**
   * Its durable log became shorter than it was: it does not count and has to be replaced.
   */
  'suspect': (boolean);
  /**
   * Address of its peers listener as ordered; empty for members of the genesis.
   */
  'address': (string);
  /**
   * False while its addition is ordered and not in force.
   */
  'inForce': (boolean);
}
