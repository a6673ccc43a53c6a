// Original file: proto/taa/v1/admin.proto


export interface GetGenesisResponse {
  'genesis'?: (Buffer | Uint8Array | string);
}

export interface GetGenesisResponse__Output {
  'genesis': (Buffer);
}
