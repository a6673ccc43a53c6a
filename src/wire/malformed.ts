/** A message that cannot be what its sender meant: unreadable protobuf, or a field outside what its comment allows. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
  readonly code = 'MALFORMED_MESSAGE';
  /** The field at fault, in dotted protobuf names, e.g. `hello.session`; the message's own name if it is unreadable. */
  readonly field: string;

  constructor(field: string, detail: string, options?: ErrorOptions) {
    super(`${field}: ${detail}`, options);
    this.field = field;
  }
}
