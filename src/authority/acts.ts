/**
 * What a person orders: the statement that an administrator signs, and who may order what. The signature is over the
 * statement's stored bytes, so that whoever carries it, a stolen node included, can change nothing; its nonce and
 * expiry make it take effect at most once.
 */

import { civilFromDays } from '../time/utc-label.js';
import { concat, hexOf } from '../verify/bytes.js';
import { CborError, type CborObject } from '../verify/cbor.js';
import type { CborReader } from '../verify/cbor-reader.js';
import { sha256 } from '../verify/crypto.js';
import type { Role } from '../verify/identity.js';
import {
  membershipActNames,
  membershipBody,
  readMembershipAct,
  type MembershipAct,
} from '../verify/membership-acts.js';
import { decodeOrder, encodeOrder, orderDomain, orderToBeSigned, type OrderHead } from '../verify/orders.js';
import type { AuditPolicy } from './model.js';
import {
  encodeAuditPolicy,
  encodeChange,
  readAuditOverrides,
  readChange,
  type PolicyChange,
} from './policy.js';
import { readDevice } from './testimony.js';

export const clockReleases = ['latch', 'highWater', 'leap'] as const;
export type ClockRelease = (typeof clockReleases)[number];

export type Act =
  | {
      readonly command: 'registerClient';
      /** Opaque id of the subscriber; names and contacts are in the detached body. */
      readonly subscriber: string;
      /** taa://<cluster>/client/<name> */
      readonly identity: string;
      readonly spki: Uint8Array;
      readonly policy: Partial<AuditPolicy>;
      /** SHA-256(salt ‖ body) of the detached body, or null when there is none. */
      readonly details: Uint8Array | null;
    }
  /** Replaces the device's overrides as a whole. */
  | { readonly command: 'setDevicePolicy'; readonly device: string; readonly policy: Partial<AuditPolicy> }
  /** `basedOn` is the policy version that the person saw: a change based on another one is refused. */
  | { readonly command: 'setClusterPolicy'; readonly basedOn: number; readonly change: PolicyChange }
  | { readonly command: 'stopClient'; readonly device: string; readonly reason: string }
  | { readonly command: 'releaseClient'; readonly device: string; readonly reason: string }
  | { readonly command: 'addCredential'; readonly device: string; readonly spki: Uint8Array }
  | {
      readonly command: 'suspendCredential';
      readonly device: string;
      readonly spki: Uint8Array;
      readonly reason: string;
    }
  | {
      readonly command: 'restoreCredential';
      readonly device: string;
      readonly spki: Uint8Array;
      readonly reason: string;
    }
  | { readonly command: 'raiseVersion'; readonly version: number }
  /** Clears a latch of one node's clock: a quarantine, an absurd rate or a dispute; a high-water mark; a leap contradiction. */
  | {
      readonly command: 'releaseClock';
      readonly clock: string;
      readonly what: ClockRelease;
      readonly reason: string;
    }
  /** `details` names the detached body as above: a leap-seconds.list. `source` e.g. IERS Bulletin C 73. */
  | { readonly command: 'approveLeapTable'; readonly details: Uint8Array; readonly source: string }
  /** What was announced about the end of one month. */
  | {
      readonly command: 'enterLeap';
      /** The 00:00:00 UTC that begins the next month, POSIX seconds. */
      readonly midnight: bigint;
      /** +1: 23:59:60 is inserted, −1: 23:59:59 is left out, 0: neither. */
      readonly change: -1 | 0 | 1;
      /** Where that was announced: bulletin or gazette with its number. */
      readonly reference: string;
    }
  /** The detached body: CGGTTS files of the site of node `of` and of NICT (common-view-files.ts). */
  | { readonly command: 'importCommonView'; readonly of: string; readonly details: Uint8Array }
  /** The detached body: a BIPM Circular T. */
  | { readonly command: 'importCircularT'; readonly details: Uint8Array }
  | MembershipAct;

export type ActName = Act['command'];

export const actNames = [
  'registerClient',
  'setDevicePolicy',
  'setClusterPolicy',
  'stopClient',
  'releaseClient',
  'addCredential',
  'suspendCredential',
  'restoreCredential',
  'raiseVersion',
  'releaseClock',
  'approveLeapTable',
  'enterLeap',
  'importCommonView',
  'importCircularT',
  ...membershipActNames,
] as const satisfies readonly ActName[];

/** Who may order what. Stopping is open to all three; releasing, which permits again, is not. */
export const mayOrder: Readonly<Record<Role, readonly ActName[]>> = {
  admin: actNames,
  operator: [
    'registerClient',
    'setDevicePolicy',
    'stopClient',
    'enterLeap',
    'importCommonView',
    'importCircularT',
  ],
  'security-officer': ['addCredential', 'suspendCredential', 'restoreCredential', 'stopClient'],
  auditor: [],
  node: [],
  client: [],
};

export interface ActStatement extends OrderHead {
  readonly act: Act;
}

const DAY_S = 86_400n;
/** Year 2100, POSIX seconds. */
const MAX_MIDNIGHT = 4_102_444_800n;

/** What the person signs: a domain separator and the statement's bytes. */
export const actToBeSigned = orderToBeSigned;

/** The opaque id of the device that a registration creates: known to its signer in advance, meaningless to others. */
export const deviceIdOf = (nonce: Uint8Array): string =>
  `d-${hexOf(sha256(concat([orderDomain, nonce]))).slice(0, 16)}`;

export const encodeAct = ({ cluster, nonce, expires, act }: ActStatement): Uint8Array =>
  encodeOrder({ cluster, nonce, expires }, act.command, actBody(act));

function actBody(act: Act): CborObject {
  switch (act.command) {
    case 'registerClient': {
      const { subscriber, identity, spki, policy, details } = act;
      return { subscriber, identity, spki, policy: encodeAuditPolicy(policy), details };
    }
    case 'setDevicePolicy':
      return { device: act.device, policy: encodeAuditPolicy(act.policy) };
    case 'setClusterPolicy':
      return { basedOn: act.basedOn, change: encodeChange(act.change) };
    case 'addNode':
    case 'removeNode':
    case 'replaceNode':
    case 'promoteNode':
      return membershipBody(act);
    default:
      return { ...act, command: undefined };
  }
}

/** @throws CborError */
export const decodeAct = (statement: Uint8Array): ActStatement => decodeOrder(statement, actNames, readAct);

function readAct(command: ActName, reader: CborReader): Act {
  switch (command) {
    case 'registerClient':
      return {
        command,
        subscriber: reader.text('subscriber', { min: 1, max: 64 }),
        identity: reader.text('identity', { max: 400 }),
        spki: readKey(reader),
        policy: reader.map('policy', readAuditOverrides),
        details: reader.value('details') === null ? null : reader.bytes('details', { length: 32 }),
      };
    case 'setDevicePolicy':
      return { command, device: readDevice(reader), policy: reader.map('policy', readAuditOverrides) };
    case 'setClusterPolicy':
      return { command, basedOn: reader.uint('basedOn'), change: reader.map('change', readChange) };
    case 'stopClient':
    case 'releaseClient':
      return { command, device: readDevice(reader), reason: readWhy(reader) };
    case 'addCredential':
      return { command, device: readDevice(reader), spki: readKey(reader) };
    case 'suspendCredential':
    case 'restoreCredential':
      return { command, device: readDevice(reader), spki: readKey(reader), reason: readWhy(reader) };
    case 'releaseClock':
      return {
        command,
        clock: reader.text('clock', { min: 1, max: 64 }),
        what: reader.oneOf('what', clockReleases),
        reason: readWhy(reader),
      };
    case 'raiseVersion':
      return { command, version: reader.uint('version', 1_000_000) };
    case 'approveLeapTable':
      return {
        command,
        details: reader.bytes('details', { length: 32 }),
        source: reader.text('source', { min: 1, max: 128 }),
      };
    case 'enterLeap':
      return readLeapEntry(command, reader);
    case 'importCommonView':
      return {
        command,
        of: reader.text('of', { min: 1, max: 64 }),
        details: reader.bytes('details', { length: 32 }),
      };
    case 'importCircularT':
      return { command, details: reader.bytes('details', { length: 32 }) };
    case 'addNode':
    case 'removeNode':
    case 'replaceNode':
    case 'promoteNode':
      return readMembershipAct(command, reader);
  }
}

function readLeapEntry(command: 'enterLeap', reader: CborReader): Extract<Act, { command: 'enterLeap' }> {
  const midnight = reader.int64('midnight');
  const change = reader.int('change');
  if (change !== -1 && change !== 0 && change !== 1) {
    throw new CborError(
      'outOfRange',
      'change',
      'a leap second inserts one (1), leaves one out (-1), or is none (0)',
    );
  }
  const isMonth = midnight >= 0n && midnight < MAX_MIDNIGHT && midnight % DAY_S === 0n;
  if (!isMonth || civilFromDays(Number(midnight / DAY_S)).day !== 1) {
    throw new CborError(
      'outOfRange',
      'midnight',
      'a leap second ends a UTC month: 00:00:00 UTC of the first of the next',
    );
  }
  return { command, midnight, change, reference: reader.text('reference', { min: 1, max: 256 }) };
}

/** The detached body that an act names, or null when it names none. */
export function namedBody(act: Act): Uint8Array | null {
  switch (act.command) {
    case 'registerClient':
    case 'approveLeapTable':
    case 'importCommonView':
    case 'importCircularT':
      return act.details;
    default:
      return null;
  }
}

const readKey = (reader: CborReader): Uint8Array => reader.bytes('spki', { min: 1, max: 1024 });
const readWhy = (reader: CborReader): string => reader.text('reason', { max: 256 });
