// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface GetCheckpointResponse {
  /**
   * C2SP signed note.
   */
  'note'?: (Buffer | Uint8Array | string);
  'size'?: (number | string | Long);
  /**
   * How the members changed from the genesis until this checkpoint (docs/formats.md, Members); empty while they are the
   * first ones.
   */
  'members'?: (Buffer | Uint8Array | string);
}

export interface GetCheckpointResponse__Output {
  /**
   * C2SP signed note.
   */
  'note': (Buffer);
  'size': (string);
  /**
   * How the members changed from the genesis until this checkpoint (docs/formats.md, Members); empty while they are the
   * first ones.
   */
  'members': (Buffer);
}
