/**
 * The one closed list of error reasons: what google.rpc.ErrorInfo.reason, AuditOutcome.reason, GoingAway.reason and
 * NodeStatus impairments may say. docs/error-reasons.md is made from it. A reason is never renamed or reused.
 *
 * `retryable` promises: the same call may succeed later or on another node without anyone changing anything, and
 * repeating it does no harm (commands and audits are exactly-once by their nonce or request number).
 */

/** gRPC status codes by name (grpc.io/docs/guides/status-codes). */
export const statusCodes = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export type StatusName = keyof typeof statusCodes;

export interface ReasonInfo {
  /** `call`: a call or a stream failed. `audit`: why an audit is not a pass. */
  readonly about: 'call' | 'audit';
  readonly status: StatusName;
  readonly retryable: boolean;
  /** What happened, as a sentence. */
  readonly meaning: string;
  /** What the reader can do about it, as a sentence. */
  readonly remedy: string;
}

function call(status: StatusName, retry: 'retry' | 'final', meaning: string, remedy: string): ReasonInfo {
  return { about: 'call', status, retryable: retry === 'retry', meaning, remedy };
}

function audit(retry: 'retry' | 'final', meaning: string, remedy: string): ReasonInfo {
  return { about: 'audit', status: 'FAILED_PRECONDITION', retryable: retry === 'retry', meaning, remedy };
}

export const reasons = {
  // Consensus and capacity
  NOT_LEADER: call(
    'UNAVAILABLE',
    'retry',
    'This node does not lead and could not forward the call.',
    'Ask the node named as leader, or any other node after a moment.',
  ),
  NO_QUORUM: call(
    'UNAVAILABLE',
    'retry',
    'A majority of the nodes cannot be reached, so that nothing can be committed.',
    'Try another node; if all say so, bring back enough nodes for a majority (taactl status).',
  ),
  LEADERSHIP_NOT_TAKEN: call(
    'FAILED_PRECONDITION',
    'final',
    'The node that was to lead did not take over in time; the leader stays.',
    'See with taactl node list that it votes, is active and up to date, and ask again.',
  ),
  OVERLOADED: call(
    'RESOURCE_EXHAUSTED',
    'retry',
    'More is waiting to be committed than the node accepts.',
    'Try again after a moment, with increasing pauses.',
  ),
  OUTCOME_UNKNOWN: call(
    'UNKNOWN',
    'retry',
    'The leader changed or a message was lost: the command may or may not take effect.',
    'Send the same signed command again; it takes effect once at most.',
  ),
  SHUTTING_DOWN: call('UNAVAILABLE', 'retry', 'The node is stopping.', 'Connect to another node.'),
  LEDGER_DIVERGED: call(
    'UNAVAILABLE',
    'retry',
    "This node's tree differs from the published one; it stays up for inspection only.",
    'Connect to another node; inspect this one with taactl audit verify and replace it.',
  ),
  LOG_SUSPECT: call(
    'UNAVAILABLE',
    'retry',
    "A part of this node's log is damaged or missing: it neither votes nor acknowledges nor serves until it is whole again.",
    'Connect to another node; taactl status says what was found there and what to do.',
  ),
  LEAP_TABLE_NOT_APPROVED: call(
    'UNAVAILABLE',
    'retry',
    "This node's leap-second table is not the approved one; it neither measures nor issues.",
    'Connect to another node; install the approved leap-seconds.list here, or approve this one (taactl clock leap).',
  ),
  STORAGE_FAILED: call(
    'UNAVAILABLE',
    'retry',
    'The node could not write to or read from its disk.',
    'Connect to another node; check space and health of this disk, then restart the node.',
  ),
  // The clock
  CLOCK_NOT_SYNCHRONISED: call(
    'UNAVAILABLE',
    'retry',
    "The node's clock is not yet synchronised to its reference.",
    'Connect to another node, or wait; taactl clock status shows the sources.',
  ),
  CLOCK_OUT_OF_TOLERANCE: call(
    'UNAVAILABLE',
    'retry',
    "The uncertainty of the node's clock exceeds the policy.",
    'Connect to another node; check that the reference of this one is reachable.',
  ),
  CLOCK_DISRUPTED: call(
    'UNAVAILABLE',
    'retry',
    "The node's clock or its reference jumped; measurements in progress were given up.",
    'Connect to another node; find out what moved (taactl clock status, audit tail).',
  ),
  CLOCK_QUARANTINED: call(
    'UNAVAILABLE',
    'retry',
    "The node's clock disagrees with the other nodes and serves nothing until it is released.",
    'Connect to another node; compare the references of the sites.',
  ),
  CLOCK_DISPUTED: call(
    'UNAVAILABLE',
    'retry',
    "Another node's clock and this one's cannot both be right, and no majority has told yet which is wrong.",
    'Connect to another node; compare the references of the sites (taactl clock status).',
  ),
  // Who may do what
  IDENTITY_NOT_ACCEPTED: call(
    'UNAUTHENTICATED',
    'final',
    'The certificate names no identity of the form taa://<cluster>/<role>/<name>.',
    'Use a certificate issued by the CA of this cluster (taactl ca issue).',
  ),
  WRONG_CLUSTER: call(
    'PERMISSION_DENIED',
    'final',
    'The caller belongs to another cluster, or to another birth of this one.',
    'Check addresses, certificate and genesis file: they must be of the same cluster.',
  ),
  NOT_A_MEMBER: call(
    'PERMISSION_DENIED',
    'retry',
    'The node is not, or not yet, a member of the cluster.',
    'Have an administrator order it in (taactl node add), or connect to another node.',
  ),
  NODE_REMOVED: call(
    'PERMISSION_DENIED',
    'final',
    'The node was removed from the cluster; names are not used again.',
    'Stop it; to have a node there again, add one with a new name and new keys.',
  ),
  DIRECTORY_UNKNOWN: call(
    'PERMISSION_DENIED',
    'final',
    'The cluster knows the node with another data directory than the one that it came with.',
    'Put the old data directory back, or replace the member (taactl node replace).',
  ),
  ROLE_NOT_ALLOWED: call(
    'PERMISSION_DENIED',
    'final',
    "The role in the caller's certificate may not make this call on this listener.",
    'Use a certificate with a role that may (docs/access.md) and the listener that serves it.',
  ),
  CLIENT_NOT_REGISTERED: call(
    'PERMISSION_DENIED',
    'final',
    'No device is registered for this identity.',
    'Ask the operator to register it (taactl client register).',
  ),
  CREDENTIAL_NOT_REGISTERED: call(
    'PERMISSION_DENIED',
    'final',
    'The identity is registered, but not with this key.',
    'Use the registered key, or have the new one registered.',
  ),
  CREDENTIAL_SUSPENDED: call(
    'PERMISSION_DENIED',
    'final',
    'The key was suspended.',
    'Ask the operator why; a suspended key stays unusable until it is released.',
  ),
  NOT_YOUR_RECORD: call(
    'PERMISSION_DENIED',
    'final',
    'A client may read only what names its own device.',
    'Ask with the device id from Welcome, or have an auditor read it.',
  ),
  NOT_LABORATORY: call(
    'FAILED_PRECONDITION',
    'final',
    'This call exists only in a laboratory; the genesis of this cluster says that it is none.',
    'Run it against a laboratory (npm start).',
  ),
  // Messages and limits
  MALFORMED_MESSAGE: call(
    'INVALID_ARGUMENT',
    'final',
    'A message could not be read, or a field is outside its range.',
    'Correct the named field; proto/ states the range of each.',
  ),
  MESSAGE_TOO_LARGE: call(
    'RESOURCE_EXHAUSTED',
    'final',
    'A message is larger than the listener accepts.',
    'Send less in one message.',
  ),
  UNEXPECTED_MESSAGE: call(
    'FAILED_PRECONDITION',
    'final',
    'The message does not fit the state of the session, e.g. it came before Hello.',
    'Follow the order of proto/taa/v1/time.proto.',
  ),
  SESSION_STALLED: call(
    'DEADLINE_EXCEEDED',
    'retry',
    'The stream was opened, but no Hello came in time.',
    'Send Hello at once after opening the stream.',
  ),
  SLOW_CONSUMER: call(
    'RESOURCE_EXHAUSTED',
    'retry',
    'The caller does not read what the node sends.',
    'Read the stream without blocking, then connect again.',
  ),
  SESSION_LIMIT: call(
    'RESOURCE_EXHAUSTED',
    'retry',
    'The identity, or the node as a whole, holds as many streams as are allowed.',
    'Close streams that are not needed, or connect to another node.',
  ),
  RATE_LIMITED: call(
    'RESOURCE_EXHAUSTED',
    'retry',
    'The identity calls more often than is allowed.',
    'Call less often, with increasing pauses.',
  ),
  METHOD_UNKNOWN: call(
    'UNIMPLEMENTED',
    'final',
    'The listener does not serve this method.',
    'Use the address of the right listener; check that client and node have the same version.',
  ),
  // Commands and the log
  COMMAND_REFUSED: call(
    'FAILED_PRECONDITION',
    'final',
    'The command was committed and refused; the refusal is on record.',
    'Correct what the message says, and sign a new command.',
  ),
  CLIENT_STOPPED: call(
    'FAILED_PRECONDITION',
    'final',
    'A stop order stands against this device.',
    'Settle the cause and have the stop released (taactl client release).',
  ),
  NOT_FOUND: call('NOT_FOUND', 'final', 'There is no such thing.', 'Check the name or number.'),
  BEYOND_LOG: call(
    'OUT_OF_RANGE',
    'retry',
    "The position lies beyond the end of this node's log.",
    'Ask for a position below the size, or wait until the node has caught up.',
  ),
  NOT_YET_PUBLISHED: call(
    'UNAVAILABLE',
    'retry',
    'No published checkpoint covers it yet.',
    'Try again after a moment; if it lasts, a majority of the nodes does not cosign (taactl status).',
  ),
  // The way to the node
  UNREACHABLE: call(
    'UNAVAILABLE',
    'retry',
    'The node could not be reached, or the TLS handshake failed.',
    'Check address, network, and that both certificates are valid, of the same CA and TLS 1.3 capable.',
  ),
  DEADLINE_EXCEEDED: call(
    'DEADLINE_EXCEEDED',
    'retry',
    'No answer came in time.',
    'Try another node, or allow more time.',
  ),
  CANCELLED: call(
    'CANCELLED',
    'retry',
    'The call was given up by the caller.',
    'Call again if the answer is still wanted.',
  ),
  INTERNAL: call(
    'INTERNAL',
    'final',
    'Something went wrong inside the node that should not.',
    "See the node's log at this time, and report it.",
  ),
  // Why an audit is not a pass
  OFFSET_OUTSIDE_LIMIT: audit(
    'final',
    "The device's clock is surely outside the limit of its policy.",
    'Correct the clock of the device; it must not issue until it passes.',
  ),
  OFFSET_NOT_DECIDED: audit(
    'retry',
    'The uncertainty reaches over the limit: neither pass nor fail can be said.',
    'Measure again; correct the clock or shorten the path to the node if it lasts.',
  ),
  DELAY_TOO_LONG: audit(
    'retry',
    'The best round trip was longer than the policy allows.',
    'Measure again, or use a nearer node.',
  ),
  TOO_FEW_SAMPLES: audit(
    'retry',
    'Too few probes were answered.',
    'Answer probes at once; check the connection.',
  ),
  PROBE_TIMEOUT: audit(
    'retry',
    'A probe or the request for signed readings was not answered in time.',
    'Answer at once; check the connection.',
  ),
  READINGS_NOT_SIGNED: audit(
    'final',
    'What the client signed is not what it answered, or not for this audit.',
    'Sign exactly the readings that were sent (docs/formats.md).',
  ),
  READINGS_INCONSISTENT: audit(
    'final',
    'The readings contradict each other or what was signed.',
    'Check the clock and the client software of the device.',
  ),
  SIGNATURE_INVALID: audit(
    'final',
    "The signature over the readings is not by the device's registered key.",
    'Sign with the key of the registered certificate.',
  ),
  NEAR_LEAP_SECOND: audit(
    'retry',
    'A reading that is not TAI was taken within 5 s of a leap second.',
    'Measure again after the leap second, or answer in TAI.',
  ),
  LEAP_TABLE_STALE: audit(
    'retry',
    'A possible leap second is near or was just passed, and whether it takes place is in doubt.',
    'Look at taactl clock leap; approve the current table, or enter what was announced.',
  ),
  AUDIT_PENDING: audit(
    'retry',
    'Another node is still working on the audit.',
    'Ask again after a moment, or ask for a new audit here.',
  ),
  NOT_CONFIRMED: audit('retry', 'No later clock sample confirmed the clock that measured.', 'Measure again.'),
  NOT_ISSUED_IN_TIME: audit(
    'retry',
    'The measurement was committed, but not certified before its deadline.',
    'Measure again.',
  ),
} as const satisfies Record<string, ReasonInfo>;

export type ErrorReason = keyof typeof reasons;

export const reasonNames = Object.keys(reasons) as readonly ErrorReason[];

export const isErrorReason = (text: string): text is ErrorReason => Object.hasOwn(reasons, text);

export const reasonInfo = (reason: ErrorReason): ReasonInfo => reasons[reason];

/**
 * docs/error-reasons.md, whole.
 * @param refusals reasons with which the state machine refuses a committed command (src/authority/refusals.ts)
 */
export function renderReasons(refusals: Readonly<Record<string, string>>): string {
  const row = ([name, info]: [string, ReasonInfo]): string =>
    `| \`${name}\` | ${info.status} | ${info.retryable ? 'yes' : 'no'} | ${info.meaning} | ${info.remedy} |`;
  const table = (about: ReasonInfo['about']): string =>
    [
      '| Reason | gRPC status | Retryable | Meaning | Remedy |',
      '| --- | --- | --- | --- | --- |',
      ...Object.entries(reasons)
        .filter(([, info]) => info.about === about)
        .map(row),
    ].join('\n');
  return `# Error reasons

This file is made from \`src/wire/reasons.ts\` and \`src/authority/refusals.ts\` by \`npm run proto\`; a test fails when it is not current.

Every error of a gRPC call carries \`google.rpc.ErrorInfo\` in the trailer \`grpc-status-details-bin\`: \`domain\` is
\`taa\`, \`reason\` one of the names below, \`metadata.retryable\` is \`true\` or \`false\`, and \`metadata.leader\`
names the node to ask instead, where it is known. The list is closed: a reason is never renamed, and its number of
meanings stays one. *Retryable* means that the same call may succeed later, or on another node, and that repeating it
does no harm.

## Errors of a call or stream

${table('call')}

## Why an audit is not a pass

These stand in \`AuditOutcome.reason\`; the reasons that begin with \`CLOCK_\` above may stand there too.

${table('audit')}

## Why a command was refused

A command that was committed and refused gives \`COMMAND_REFUSED\`; its message begins with one of these, and so does the
record of the refusal in the log.

| Reason | Meaning |
| --- | --- |
${Object.entries(refusals)
  .map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  .join('\n')}
`;
}
