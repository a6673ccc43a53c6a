// Original file: proto/taa/v1/audit.proto


export interface GetReceiptResponse {
  'receipt'?: (Buffer | Uint8Array | string);
}

export interface GetReceiptResponse__Output {
  'receipt': (Buffer);
}
