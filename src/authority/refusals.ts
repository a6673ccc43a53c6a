/**
 * Why a command was refused: one closed list, recorded with every refusal (docs/formats.md). A reason is never renamed
 * or reused. A refused command changes nothing but adds the record of its refusal.
 */

export const refusalReasons = {
  MALFORMED: 'The payload is no command, or a value in it is outside its range; use a matching program.',
  NODE_UNKNOWN: 'The proposing node is not a member of the cluster.',
  NODE_IS_WITNESS: 'Only a full member in force measures and certifies; use such a node.',
  NOT_THE_MEASURING_NODE: 'Only the node that measured may confirm, issue or void its audit.',
  NOT_LABORATORY: 'The genesis of this cluster says that it is no laboratory.',
  DEVICE_UNKNOWN: 'No such device is registered.',
  SESSION_UNKNOWN: 'The device has not opened this session, or it is too long ago; open it again.',
  REQUEST_REUSED: 'The session used this request number for another measurement; count up.',
  REQUEST_FORGOTTEN: 'The request number is below the session’s newest and no longer remembered; count up.',
  TOO_MANY_PENDING: 'The device has too many audits under way; wait until they are issued or void.',
  AUDIT_UNKNOWN: 'There is no such audit under way or among the device’s recent ones.',
  AUDIT_FINISHED: 'The audit already has its outcome.',
  NOT_CONFIRMED: 'The audit is not confirmed by a later clock sample of the run and epoch that measured.',
  CERTIFICATE_WRONG: 'The certificate is not the one over the committed facts by the node’s registered key.',
  STOP_UNKNOWN: 'No such stop order stands against the device.',
  ALREADY_STOPPED: 'A stop order already stands against the device.',
  NOT_STOPPED: 'No stop order stands against the device.',
  SIGNER_UNKNOWN: 'The signer is not a registered administrator.',
  ALGORITHM_NOT_ALLOWED: 'The signature algorithm is not on the allow-list for commands.',
  SIGNATURE_INVALID: 'The statement is not signed by the signer’s registered key.',
  ROLE_NOT_ALLOWED: 'The signer’s role may not order this.',
  WRONG_CLUSTER: 'The statement was signed for another cluster.',
  EXPIRED: 'The statement’s expiry has passed in cluster time; sign a new one.',
  EXPIRY_TOO_FAR: 'The statement expires more than a day ahead; sign one with a shorter life.',
  NONCE_REUSED: 'Another statement with this nonce was seen; sign with a fresh nonce.',
  TOO_MANY_STATEMENTS: 'Too many signed statements are remembered; wait until some have expired.',
  DETAILS_MISMATCH: 'The detached body is not the one that the statement names.',
  ALREADY_REGISTERED: 'The identity or the device is already registered.',
  IDENTITY_NOT_ALLOWED: 'The identity is not taa://<this cluster>/client/<name>.',
  CREDENTIAL_EXISTS: 'The device already has this key.',
  CREDENTIAL_UNKNOWN: 'The device has no such key, or it is already in that state.',
  TOO_MANY_CREDENTIALS: 'The device has as many keys as are allowed.',
  POLICY_NOT_ALLOWED: 'The policy as a whole cannot be used.',
  POLICY_CHANGED: 'The policy was changed since the signer saw it; look again and sign anew.',
  LEAP_TABLE_INVALID: 'The file is no leap-seconds.list whose check word fits; fetch it again from IERS.',
  LEAP_TABLE_OLDER: 'A newer leap-seconds.list is approved already.',
  IMPORT_INVALID: 'The file cannot be used; fetch it again from where it is published.',
  MEMBER_UNKNOWN: 'No member of the cluster has this name.',
  NAME_OR_KEY_USED:
    'The name or a key belongs, or belonged, to another member; names and keys are used once.',
  MEMBER_NOT_ALLOWED: 'The member as described cannot be one.',
  NOT_A_STANDBY: 'Only a standby member is promoted.',
  TOO_FEW_SITES: 'The voters would stand at fewer sites than a published checkpoint must come from.',
  TOO_MANY_MEMBERS: 'The cluster has as many members as are allowed.',
  TOO_MANY_CHANGES: 'The members have changed as often as a receipt can carry.',
  CHANGE_IN_PROGRESS: 'The last change of the members is not in force or not attested yet; wait for it.',
  ATTESTATION_WRONG: 'The checkpoint does not attest the newest membership.',
  VERSION_NOT_ALLOWED: 'The version is not the next one, or a node does not support it yet.',
} as const;

export type RefusalReason = keyof typeof refusalReasons;

export interface CommandRefusal {
  readonly ok: false;
  readonly reason: RefusalReason;
  readonly detail: string;
}

/** A command that took effect, now or before: `leaf` is its record, null if it makes none. */
export interface CommandAccepted {
  readonly ok: true;
  readonly leaf: number | null;
}

export type CommandOutcome = CommandAccepted | CommandRefusal;

export const accept = (leaf: number | null): CommandAccepted => ({ ok: true, leaf });

export const refuse = (reason: RefusalReason, detail: string = refusalReasons[reason]): CommandRefusal => ({
  ok: false,
  reason,
  detail,
});
