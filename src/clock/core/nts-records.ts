/**
 * The records of NTS key establishment (RFC 8915 §4): what a client asks for, and what a server's answer gives.
 *
 * Invariant: both decoders are total; any bytes give either what was agreed or a reason, never an exception. Only NTPv4
 * with AEAD_AES_SIV_CMAC_256 is asked for, the one algorithm that every server must support.
 */

export const NTPV4_PROTOCOL = 0;
/** AEAD_AES_SIV_CMAC_256 in the IANA registry; despite its name two AES-128 keys. */
export const AES_SIV_CMAC_256 = 15;

/** An answer longer than this is no answer: eight cookies of usual size take one kilobyte. */
export const MAX_KE_BYTES = 16_384;
/** Cookies kept (RFC 8915 §4.1.6). */
export const MAX_COOKIES = 8;
/** A cookie must fit into a datagram beside the rest. */
export const MAX_COOKIE_BYTES = 512;

const CRITICAL = 0x8000;
const HEADER_BYTES = 4;

const recordTypes = {
  endOfMessage: 0,
  nextProtocol: 1,
  error: 2,
  warning: 3,
  aead: 4,
  cookie: 5,
  server: 6,
  port: 7,
} as const;

interface KeRecord {
  readonly critical: boolean;
  readonly type: number;
  readonly body: Uint8Array;
}

export interface KeAgreement {
  /** One to eight; each for one question. */
  readonly cookies: readonly Uint8Array[];
  /** Name or address of the NTP server, null for the host that established the keys. */
  readonly server: string | null;
  /** UDP port of the NTP server, null for 123. */
  readonly port: number | null;
}

export type KeResult =
  | ({ readonly ok: true } & KeAgreement)
  | { readonly ok: false; readonly reason: KeRefusal; readonly detail: string };

export type KeRefusal =
  | 'malformed'
  | 'errorRecord'
  | 'warningRecord'
  | 'unknownCritical'
  | 'protocolRefused'
  | 'algorithmRefused'
  | 'noCookies';

function encodeRecord(type: number, values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + 2 * values.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, CRITICAL | type);
  view.setUint16(2, 2 * values.length);
  values.forEach((value, i) => view.setUint16(HEADER_BYTES + 2 * i, value));
  return bytes;
}

/** What a client sends: NTPv4, AES-SIV-CMAC-256, end. */
export function encodeKeRequest(): Uint8Array {
  const records = [
    encodeRecord(recordTypes.nextProtocol, [NTPV4_PROTOCOL]),
    encodeRecord(recordTypes.aead, [AES_SIV_CMAC_256]),
    encodeRecord(recordTypes.endOfMessage, []),
  ];
  const bytes = new Uint8Array(records.reduce((sum, record) => sum + record.length, 0));
  let at = 0;
  for (const record of records) {
    bytes.set(record, at);
    at += record.length;
  }
  return bytes;
}

/** Records in order, up to and with the end of the message; null while it is incomplete. */
function readRecords(bytes: Uint8Array): { records: readonly KeRecord[]; end: number } | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: KeRecord[] = [];
  let at = 0;
  while (bytes.length - at >= HEADER_BYTES) {
    const first = view.getUint16(at);
    const length = view.getUint16(at + 2);
    const body = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
    if (body.length < length) return null;
    at += HEADER_BYTES + length;
    const type = first & ~CRITICAL;
    records.push({ critical: (first & CRITICAL) !== 0, type, body });
    if (type === recordTypes.endOfMessage) return { records, end: at };
  }
  return null;
}

/** Whether the end of the message is among these bytes: then nothing more is waited for. */
export function keMessageComplete(bytes: Uint8Array): boolean {
  return readRecords(bytes) !== null;
}

function numbers(body: Uint8Array): readonly number[] | null {
  if (body.length === 0 || body.length % 2 !== 0) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return Array.from({ length: body.length / 2 }, (_, i) => view.getUint16(2 * i));
}

/** A host name or an address: printable ASCII without blanks (RFC 8915 §4.1.7). */
function hostOf(body: Uint8Array): string | null {
  if (body.length === 0 || body.length > 255) return null;
  if (!body.every((octet) => octet > 0x20 && octet < 0x7f)) return null;
  return String.fromCharCode(...body);
}

const refuse = (reason: KeRefusal, detail: string): KeResult => ({ ok: false, reason, detail });

/** What has been read so far of an answer. */
class Agreement {
  readonly cookies: Uint8Array[] = [];
  protocol: readonly number[] | null = null;
  aead: readonly number[] | null = null;
  server: string | null = null;
  port: number | null = null;

  /** @returns why the answer must be refused, or null */
  take({ critical, type, body }: KeRecord): KeResult | null {
    switch (type) {
      case recordTypes.endOfMessage:
        return critical && body.length === 0
          ? null
          : refuse('malformed', 'the end record is not as it must be');
      case recordTypes.error:
        return refuse(
          'errorRecord',
          `the server answers with error ${numbers(body)?.[0] ?? 'without number'}`,
        );
      case recordTypes.warning:
        // No warning is defined: one that is not understood counts as an error (§4.1.4).
        return refuse('warningRecord', `the server warns with ${numbers(body)?.[0] ?? 'no number'}`);
      case recordTypes.nextProtocol:
        if (this.protocol !== null) return refuse('malformed', 'two records name the protocol');
        this.protocol = numbers(body) ?? [];
        return null;
      case recordTypes.aead:
        if (this.aead !== null) return refuse('malformed', 'two records name the algorithm');
        this.aead = numbers(body) ?? [];
        return null;
      case recordTypes.cookie:
        if (body.length === 0 || body.length > MAX_COOKIE_BYTES)
          return refuse('malformed', `a cookie of ${body.length} octets cannot be used`);
        if (this.cookies.length < MAX_COOKIES) this.cookies.push(body.slice());
        return null;
      case recordTypes.server:
        this.server = hostOf(body);
        return this.server === null ? refuse('malformed', 'the NTP server is not named in ASCII') : null;
      case recordTypes.port:
        this.port = body.length === 2 ? (numbers(body)?.[0] ?? null) : null;
        return this.port === null || this.port === 0
          ? refuse('malformed', 'the NTP port is not a port')
          : null;
      default:
        return critical ? refuse('unknownCritical', `record type ${type} is critical and unknown`) : null;
    }
  }

  result(): KeResult {
    if (this.protocol?.length !== 1 || this.protocol[0] !== NTPV4_PROTOCOL)
      return refuse('protocolRefused', 'the server does not offer NTPv4');
    if (this.aead?.length !== 1 || this.aead[0] !== AES_SIV_CMAC_256)
      return refuse('algorithmRefused', 'the server does not offer AEAD_AES_SIV_CMAC_256');
    if (this.cookies.length === 0) return refuse('noCookies', 'the server gives no cookie');
    return { ok: true, cookies: this.cookies, server: this.server, port: this.port };
  }
}

/** A server's whole answer. */
export function decodeKeResponse(bytes: Uint8Array): KeResult {
  if (bytes.length > MAX_KE_BYTES)
    return refuse('malformed', `an answer of ${bytes.length} octets is too long`);
  const read = readRecords(bytes);
  if (read === null) return refuse('malformed', 'the answer ends within a record or without an end record');
  if (read.end !== bytes.length) return refuse('malformed', 'something follows the end record');
  const agreement = new Agreement();
  for (const record of read.records) {
    const refusal = agreement.take(record);
    if (refusal !== null) return refusal;
  }
  return agreement.result();
}
