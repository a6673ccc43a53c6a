// Original file: proto/taa/v1/audit.proto


export interface GetBodyResponse {
  'salt'?: (Buffer | Uint8Array | string);
  'body'?: (Buffer | Uint8Array | string);
}

export interface GetBodyResponse__Output {
  'salt': (Buffer);
  'body': (Buffer);
}
