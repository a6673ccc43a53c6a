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
  /**
   * A public key for the clock datagrams of a pair, deterministic CBOR of src/clock/peer-keys.
   */
  'clockKeys'?: (Buffer | Uint8Array | string);
  /**
   * What a node left behind asks for and gets, deterministic CBOR of src/node/core/snapshot-messages.
   */
  'snapshot'?: (Buffer | Uint8Array | string);
  'body'?: "raft"|"checkpoint"|"clock"|"clockKeys"|"snapshot";
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
  /**
   * A public key for the clock datagrams of a pair, deterministic CBOR of src/clock/peer-keys.
   */
  'clockKeys'?: (Buffer);
  /**
   * What a node left behind asks for and gets, deterministic CBOR of src/node/core/snapshot-messages.
   */
  'snapshot'?: (Buffer);
  'body'?: "raft"|"checkpoint"|"clock"|"clockKeys"|"snapshot";
}
