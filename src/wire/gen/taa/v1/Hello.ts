// Original file: proto/taa/v1/time.proto


export interface Hello {
  /**
   * 16 random bytes, new for each run of the client. With a request number it makes an audit exactly-once, on any node.
   */
  'session'?: (Buffer | Uint8Array | string);
  /**
   * Name and version of the client software, for the records. At most 64 characters.
   */
  'software'?: (string);
}

export interface Hello__Output {
  /**
   * 16 random bytes, new for each run of the client. With a request number it makes an audit exactly-once, on any node.
   */
  'session': (Buffer);
  /**
   * Name and version of the client software, for the records. At most 64 characters.
   */
  'software': (string);
}
