/**
 * Who may: signed statements of people, and those who were turned away. The invariants that this file owns: a signed
 * statement takes effect at most once, and only in its own cluster, before its expiry, for a role that may; a flood of
 * denials makes one record a minute for each identity and reason, and loses none of the count.
 */

import { taiNs, NS_PER_S } from '../time/types.js';
import { isAllowed } from '../verify/allow-list.js';
import { concat, equalBytes } from '../verify/bytes.js';
import { compareKeys } from '../verify/cbor.js';
import { parse } from '../verify/cbor-reader.js';
import { sha256, type SignatureAlgorithm } from '../verify/crypto.js';
import type { GenesisAdministrator } from '../verify/genesis.js';
import type { SignedOrder } from '../verify/orders.js';
import {
  actToBeSigned,
  decodeAct,
  deviceIdOf,
  mayOrder,
  namedBody,
  type Act,
  type ActStatement,
} from './acts.js';
import { addCredential, register, release, setDevicePolicy, stop, suspendOrRestore } from './clients.js';
import { raiseVersion, releaseClock, setClusterPolicy } from './cluster.js';
import type { SignedAct } from './commands.js';
import { importCircularT, importCommonView } from './corrections.js';
import { approveLeapTable, enterLeap } from './leap.js';
import { orderMembership } from './members.js';
import { accept, refuse, type CommandOutcome } from './refusals.js';
import { MAX_DENIALS, MAX_STATEMENTS, nonceKey, type State } from './state.js';
import type { Testimony } from './testimony.js';
import type { RecordFields, Turn } from './turn.js';

/** How far ahead a statement may expire. */
const MAX_LIFE = 86_400n * NS_PER_S;
const MINUTE = 60n * NS_PER_S;

// ---- signed statements ---------------------------------------------------------------------------------------------

export function applySigned(turn: Turn, signed: SignedAct): CommandOutcome {
  const signer = turn.genesis.administrators.find(({ name }) => name === signed.signer);
  if (signer === undefined) return refuse('SIGNER_UNKNOWN');
  if (!isAllowed(signed.algorithm, 'command')) return refuse('ALGORITHM_NOT_ALLOWED');
  // isAllowed knows only names of SignatureAlgorithm for this use.
  const algorithm = signed.algorithm as SignatureAlgorithm;
  const message = actToBeSigned(signed.statement);
  if (!turn.deps.verifier.verify(algorithm, signer.spki, message, signed.signature)) {
    return refuse('SIGNATURE_INVALID');
  }
  const read = parse(() => decodeAct(signed.statement));
  if (!read.ok) return refuse('MALFORMED', `the statement cannot be read: ${read.error.code}`);
  return applyStatement(turn, signed, signer, read.value);
}

function applyStatement(
  turn: Turn,
  signed: SignedAct,
  signer: GenesisAdministrator,
  statement: ActStatement,
): CommandOutcome {
  const { state, time, genesis } = turn;
  if (statement.cluster !== genesis.clusterId) return refuse('WRONG_CLUSTER');
  const digest = sha256(signed.statement);
  const remembered = state.statements.get(nonceKey(statement.nonce));
  if (remembered !== undefined) {
    return equalBytes(remembered.digest, digest) ? remembered.outcome : refuse('NONCE_REUSED');
  }
  if (statement.expires <= time) return refuse('EXPIRED');
  // Whoever carries the statement can lose its body; that must not use the statement up.
  if (!hasDetails(statement.act, signed)) return refuse('DETAILS_MISMATCH');
  if (state.statements.size >= MAX_STATEMENTS) return refuse('TOO_MANY_STATEMENTS');
  const outcome = judgeAndObey(turn, signed, signer, statement);
  // A refused statement is used up as well: held back, it must not take effect once circumstances have changed.
  state.statements.set(nonceKey(statement.nonce), { digest, expires: statement.expires, outcome });
  return outcome;
}

function judgeAndObey(
  turn: Turn,
  signed: SignedAct,
  signer: GenesisAdministrator,
  statement: ActStatement,
): CommandOutcome {
  // Before the first stamp cluster time is zero, and no expiry is near.
  if (turn.time > 0n && statement.expires - turn.time > MAX_LIFE) return refuse('EXPIRY_TOO_FAR');
  if (!mayOrder[signer.role].includes(statement.act.command)) return refuse('ROLE_NOT_ALLOWED');
  return obey(turn, signed, statement);
}

function hasDetails(act: Act, { body, bodySalt }: SignedAct): boolean {
  const named = namedBody(act);
  if (named === null) return body.length === 0 && bodySalt.length === 0;
  return bodySalt.length === 16 && equalBytes(sha256(concat([bodySalt, body])), named);
}

function obey(turn: Turn, signed: SignedAct, { act, nonce }: ActStatement): CommandOutcome {
  const evidence = evidenceOf(signed);
  switch (act.command) {
    case 'registerClient':
      return obeyRegistration(turn, signed, act, deviceIdOf(nonce));
    case 'setDevicePolicy':
      return setDevicePolicy(turn, act, evidence);
    case 'setClusterPolicy':
      return setClusterPolicy(turn, act, evidence);
    case 'stopClient':
      return stop(turn, act, evidence);
    case 'releaseClient':
      return release(turn, act, evidence);
    case 'addCredential':
      return addCredential(turn, act, evidence);
    case 'suspendCredential':
    case 'restoreCredential':
      return suspendOrRestore(turn, act, evidence);
    case 'releaseClock':
      return releaseClock(turn, act, evidence);
    case 'raiseVersion':
      return raiseVersion(turn, act, evidence);
    case 'enterLeap':
      return enterLeap(turn, act, evidence);
    case 'approveLeapTable':
      return withBody(turn, signed, act.details, approveLeapTable(turn, act, signed.body, evidence));
    case 'importCommonView':
      return withBody(turn, signed, act.details, importCommonView(turn, act, signed.body, evidence));
    case 'importCircularT':
      return withBody(turn, signed, act.details, importCircularT(turn, act, signed.body, evidence));
    case 'addNode':
    case 'removeNode':
    case 'replaceNode':
    case 'promoteNode':
      return orderMembership(turn, act, orderOf(signed));
  }
}

/** What was accepted is kept with the bytes that it rests on. */
function withBody(turn: Turn, signed: SignedAct, hash: Uint8Array, outcome: CommandOutcome): CommandOutcome {
  if (outcome.ok) turn.bodies.push({ hash, salt: signed.bodySalt, bytes: signed.body });
  return outcome;
}

/** The registration's statement names the client; it goes into a detached body, which can be erased one day. */
function obeyRegistration(
  turn: Turn,
  signed: SignedAct,
  act: Extract<Act, { command: 'registerClient' }>,
  id: string,
): CommandOutcome {
  const salt = turn.digest.slice(16);
  const hash = sha256(concat([salt, signed.statement]));
  const outcome = register(turn, act, id, {
    ...evidenceOf(signed),
    statement: undefined,
    statementHash: hash,
  });
  if (!outcome.ok) return outcome;
  turn.bodies.push({ hash, salt, bytes: signed.statement });
  if (act.details !== null)
    turn.bodies.push({ hash: act.details, salt: signed.bodySalt, bytes: signed.body });
  return outcome;
}

const orderOf = ({ signer, algorithm, signature, statement }: SignedAct): SignedOrder => ({
  signer,
  algorithm,
  signature,
  statement,
});

const evidenceOf = ({ signer, algorithm, signature, statement }: SignedAct): RecordFields => ({
  signer,
  algorithm,
  signature,
  statement,
});

// ---- denials -------------------------------------------------------------------------------------------------------

export function applyDenied(
  turn: Turn,
  { identity, reason, count, address }: Extract<Testimony, { kind: 'accessDenied' }>,
): CommandOutcome {
  const { denials } = turn.state;
  const key = JSON.stringify([identity, reason]);
  const known = denials.get(key);
  if (known !== undefined) {
    denials.set(key, { ...known, suppressed: known.suppressed + count });
    return accept(null);
  }
  if (denials.size >= MAX_DENIALS) {
    const rest = denials.get('')?.suppressed ?? 0;
    denials.set('', { identity: '', reason: 'OTHERS', suppressed: rest + count });
    return accept(null);
  }
  denials.set(key, { identity, reason, suppressed: 0 });
  return accept(
    turn.record('accessDenied', { identity, reason, count, address, summary: false, ...turn.delay }),
  );
}

/** Once a minute of cluster time: what was only counted becomes records, and what has expired is forgotten. */
export function closeMinute(turn: Turn): void {
  const { state, time } = turn;
  const minute = time / MINUTE;
  if (minute <= state.minute) return;
  const counted = [...state.denials].filter(([, { suppressed }]) => suppressed > 0);
  counted.sort(([a], [b]) => compareKeys(a, b));
  for (const [, { identity, reason, suppressed }] of counted) {
    const since = taiNs(state.minute * MINUTE);
    turn.record('accessDenied', { identity, reason, count: suppressed, summary: true, since });
  }
  state.denials.clear();
  state.minute = minute;
  forgetExpired(state, time);
}

function forgetExpired(state: State, time: bigint): void {
  for (const [key, { expires }] of state.statements) if (expires <= time) state.statements.delete(key);
}
