// Original file: proto/taa/v1/consensus.proto


export interface PeerMessage {
  /**
   * A message of src/raft/codec.
   */
  'raft'?: (Buffer | Uint8Array | string);
  /**
   * Checkpoint lines, a message of src/audit.
   */
  'checkpoint'?: (Buffer | Uint8Array | string);
  /**
   * The sender's own clock, deterministic CBOR of src/node/core/cluster-time.
   */
  'clock'?: (Buffer | Uint8Array | string);
  'body'?: "raft"|"checkpoint"|"clock";
}

export interface PeerMessage__Output {
  /**
   * A message of src/raft/codec.
   */
  'raft'?: (Buffer);
  /**
   * Checkpoint lines, a message of src/audit.
   */
  'checkpoint'?: (Buffer);
  /**
   * The sender's own clock, deterministic CBOR of src/node/core/cluster-time.
   */
  'clock'?: (Buffer);
  'body'?: "raft"|"checkpoint"|"clock";
}
