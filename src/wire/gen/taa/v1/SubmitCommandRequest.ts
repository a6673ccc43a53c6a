// Original file: proto/taa/v1/admin.proto


export interface SubmitCommandRequest {
  /**
   * Deterministic CBOR statement of the command.
   */
  'statement'?: (Buffer | Uint8Array | string);
  /**
   * Name of the signer as registered.
   */
  'signer'?: (string);
  /**
   * ecdsa-p256-sha256, ecdsa-p384-sha384 or rsa-pkcs1-sha256.
   */
  'algorithm'?: (string);
  'signature'?: (Buffer | Uint8Array | string);
  /**
   * A detached body named by the statement, with its salt; empty if it names none.
   */
  'body'?: (Buffer | Uint8Array | string);
  'bodySalt'?: (Buffer | Uint8Array | string);
}

export interface SubmitCommandRequest__Output {
  /**
   * Deterministic CBOR statement of the command.
   */
  'statement': (Buffer);
  /**
   * Name of the signer as registered.
   */
  'signer': (string);
  /**
   * ecdsa-p256-sha256, ecdsa-p384-sha384 or rsa-pkcs1-sha256.
   */
  'algorithm': (string);
  'signature': (Buffer);
  /**
   * A detached body named by the statement, with its salt; empty if it names none.
   */
  'body': (Buffer);
  'bodySalt': (Buffer);
}
