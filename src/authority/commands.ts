/**
 * The command envelope: the payload of every log entry of the state machine. Deterministic CBOR, either a node's own
 * testimony `{v, kind, node, nonce, body}` or a person's act `{v, kind: 'signed', node, nonce, statement, …}` that a node
 * only carries (docs/formats.md).
 *
 * Reading is total: whatever the bytes, the result is a command or a refusal with as much of the envelope as could be
 * read, so that the proposer can be answered.
 */

import { CborError, encode, type CborValue } from '../verify/cbor.js';
import { decodeMap, parse, readMap, type CborReader } from '../verify/cbor-reader.js';
import type { TaiNs } from '../time/types.js';
import { readInstant, readTestimony, testimonyBody, testimonyKinds, type Testimony } from './testimony.js';

/** A person's signed statement as a node carries it. */
export interface SignedAct {
  readonly kind: 'signed';
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
  /** Name of the administrator as registered. */
  readonly signer: string;
  /** ecdsa-p256-sha256, ecdsa-p384-sha384 or rsa-pkcs1-sha256. */
  readonly algorithm: string;
  /** The detached body that the statement names, with its salt; both empty if it names none. */
  readonly body: Uint8Array;
  readonly bodySalt: Uint8Array;
}

export type Command = Testimony | SignedAct;

/** When something happened that could not be committed then: within this range of TAI. */
export interface Happened {
  readonly earliest: TaiNs;
  readonly latest: TaiNs;
}

/** Restrictions and faults: they act before they are recorded, so that their record may come late. */
export const delayableKinds = [
  'clockTransition',
  'clockAnomaly',
  'accessDenied',
  'diverged',
  'forkEvidence',
] as const satisfies readonly Testimony['kind'][];

export const isDelayable = (kind: Command['kind']): boolean =>
  (delayableKinds as readonly string[]).includes(kind);

export interface CommandEnvelope {
  /** The proposing node. */
  readonly node: string;
  /** 16 random bytes: names the command to its proposer, and makes its records unguessable. */
  readonly nonce: Uint8Array;
  readonly command: Command;
  /** Only of what is delayable, and only when it was delayed. */
  readonly happened?: Happened | undefined;
}

/** What could be read of a payload that is no command. */
export interface UnreadableCommand {
  readonly node: string;
  /** Empty if not even the envelope could be read. */
  readonly nonce: Uint8Array;
  readonly kind: string;
  readonly error: CborError;
}

export type DecodedCommand =
  | { readonly ok: true; readonly envelope: CommandEnvelope }
  | { readonly ok: false; readonly unreadable: UnreadableCommand };

const envelopeVersion = 1;
const kinds = [...testimonyKinds, 'signed'] as const;
/** As much as one call carries (src/rpc/admin-service.ts). */
const MAX_BODY = 524_288;
const LIMITS = { maxBytes: 1 << 24, maxDepth: 6 };

/** @throws CborError for what no command may hold, e.g. a lone surrogate */
export function encodeCommand(
  node: string,
  nonce: Uint8Array,
  command: Command,
  happened?: Happened,
): Uint8Array {
  const { kind } = command;
  if (kind !== 'signed') {
    return encode({
      v: envelopeVersion,
      kind,
      node,
      nonce,
      body: testimonyBody(command),
      happened: happened && { ...happened },
    });
  }
  const { body, bodySalt, ...rest } = command;
  const detached = body.length === 0 && bodySalt.length === 0 ? {} : { body, bodySalt };
  return encode({ v: envelopeVersion, node, nonce, ...rest, ...detached });
}

export function decodeCommand(payload: Uint8Array): DecodedCommand {
  let seen: Omit<UnreadableCommand, 'error'> = { node: '', nonce: new Uint8Array(0), kind: '' };
  const read = parse(() =>
    decodeMap(
      payload,
      'command',
      (reader) => {
        const version = reader.uint('v');
        if (version !== envelopeVersion) {
          throw new CborError('outOfRange', 'command.v', `version ${version} is not known`);
        }
        const node = reader.text('node', { min: 1, max: 64 });
        const nonce = reader.bytes('nonce', { length: 16 });
        seen = { node, nonce, kind: '' };
        const kind = reader.oneOf('kind', kinds);
        seen = { node, nonce, kind };
        const command =
          kind === 'signed' ? readSigned(reader) : readTestimonyBody(kind, reader.value('body'));
        return { node, nonce, command, happened: readHappened(reader, kind) };
      },
      LIMITS,
    ),
  );
  return read.ok
    ? { ok: true, envelope: read.value }
    : { ok: false, unreadable: { ...seen, error: read.error } };
}

function readHappened(reader: CborReader, kind: Command['kind']): Happened | undefined {
  const happened = reader.optionalMap('happened', (map) => ({
    earliest: readInstant(map, 'earliest'),
    latest: readInstant(map, 'latest'),
  }));
  if (happened === undefined) return undefined;
  if (!isDelayable(kind) || happened.earliest > happened.latest) {
    throw new CborError('outOfRange', 'command.happened', `a ${kind} cannot be delayed like this`);
  }
  return happened;
}

const readTestimonyBody = (kind: Testimony['kind'], body: CborValue): Testimony =>
  readMap(body, 'body', (reader) => readTestimony(kind, reader));

function readSigned(reader: CborReader): SignedAct {
  return {
    kind: 'signed',
    statement: reader.bytes('statement', { max: 16_384 }),
    signature: reader.bytes('signature', { max: 1024 }),
    signer: reader.text('signer', { max: 64 }),
    algorithm: reader.text('algorithm', { max: 32 }),
    body: reader.optionalBytes('body', { max: MAX_BODY }) ?? new Uint8Array(0),
    bodySalt: reader.optionalBytes('bodySalt', { length: 16 }) ?? new Uint8Array(0),
  };
}
