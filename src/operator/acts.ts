/** What a person orders: signed here with the person's key, carried by any node, verified by every node at apply. */

import { randomBytes } from 'node:crypto';
import { actToBeSigned, deviceIdOf, encodeAct } from '../authority/acts.js';
import type { Act } from '../authority/acts.js';
import type { SynchronousSigner } from '../pki/signer.js';
import { NS_PER_S, taiNs } from '../time/types.js';
import { builtinLeapTable, taiFromPosixNs } from '../time/leap-table.js';
import { concat } from '../verify/bytes.js';
import { sha256 } from '../verify/crypto.js';
import type { SubmitCommandRequest } from '../wire/gen/taa/v1/SubmitCommandRequest.js';
import type { SubmitCommandResponse__Output } from '../wire/gen/taa/v1/SubmitCommandResponse.js';
import type { Connection } from './connection.js';

/** A signed command that was not committed by then has no effect any more. Unit: ns of cluster time. */
const VALID_FOR = 600n * NS_PER_S;
/** Committing may take an election or two. */
const SUBMIT_DEADLINE_MS = 20_000;

export interface Person {
  /** Name under which the cluster knows the key. */
  readonly name: string;
  readonly signer: SynchronousSigner;
}

/** Names and contacts: kept beside the log, named in it by hash, droppable by a recorded decision. */
export interface Details {
  readonly salt: Uint8Array;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

export interface Committed {
  /** Leaf of the record that the command made. */
  readonly leaf: number;
  readonly raftIndex: number;
  /** The device that a registration created; null for other acts. */
  readonly device: string | null;
  /** The node that answered. */
  readonly node: string;
}

export function detailsOf(bytes: Uint8Array): Details {
  const salt = new Uint8Array(randomBytes(16));
  return { salt, bytes, hash: sha256(concat([salt, bytes])) };
}

/**
 * Signs and submits. The same signed command goes to the next endpoint when one does not answer: its nonce makes it take
 * effect once.
 * @throws RpcError COMMAND_REFUSED with the state machine's reason, OUTCOME_UNKNOWN, UNREACHABLE …
 */
export async function submitAct(
  connection: Connection,
  person: Person,
  act: Act,
  details: Details | null = null,
): Promise<Committed> {
  const nonce = new Uint8Array(randomBytes(16));
  const now = taiFromPosixNs(BigInt(Date.now()) * 1_000_000n, builtinLeapTable);
  const statement = encodeAct({ cluster: connection.cluster, nonce, expires: taiNs(now + VALID_FOR), act });
  const { value, node } = await connection.call<SubmitCommandRequest, SubmitCommandResponse__Output>(
    ({ admin }) => admin.SubmitCommand.bind(admin),
    {
      statement,
      signer: person.name,
      algorithm: person.signer.algorithm,
      signature: person.signer.signNow(actToBeSigned(statement)),
      body: details?.bytes ?? new Uint8Array(0),
      bodySalt: details?.salt ?? new Uint8Array(0),
    },
    SUBMIT_DEADLINE_MS,
  );
  return {
    leaf: Number(value.leafIndex),
    raftIndex: Number(value.raftIndex),
    device: act.command === 'registerClient' ? deviceIdOf(nonce) : null,
    node,
  };
}
