/**
 * Policies: what may stand in them, their defaults, and how a change is read. A policy is replicated state; a value out
 * of range is refused where it enters, so that no verdict ever rests on an absurd one.
 */

import { NS_PER_MS, NS_PER_S, durNs, type DurNs } from '../time/types.js';
import { CborError, type CborMap, type CborObject } from '../verify/cbor.js';
import { parse, readMap, type CborReader } from '../verify/cbor-reader.js';
import { isOid } from '../verify/der.js';
import { taaOids } from '../verify/oids.js';
import { AuthorityError } from './errors.js';
import type { AuditPolicy, ClusterPolicy, ConfirmBy } from './model.js';

const DAY = 86_400n * NS_PER_S;
const MAX_LENGTH = 3_653n * DAY;

export const DEFAULT_AUDIT_POLICY: AuditPolicy = {
  limit: durNs(500n * NS_PER_MS),
  interval: durNs(60n * NS_PER_S),
  maxDelay: durNs(100n * NS_PER_MS),
  certificateLife: durNs(DAY),
  lease: durNs(180n * NS_PER_S),
  voidAfter: durNs(300n * NS_PER_S),
};

const auditKeys = ['limit', 'interval', 'maxDelay', 'certificateLife', 'lease', 'voidAfter'] as const;
const textKeys = ['policyOid', 'sourceOid', 'sourceName'] as const;

/** The cluster's policy apart from its version, every part optional: what a change may say. */
export interface PolicyChange {
  readonly audit: Partial<AuditPolicy>;
  readonly taaAlarm?: DurNs;
  readonly taaStop?: DurNs;
  readonly confirmBy?: ConfirmBy;
  readonly policyOid?: string;
  /** Empty when the source has no published OID. */
  readonly sourceOid?: string;
  readonly sourceName?: string;
}

/** The first policy of a cluster: defaults, and what its genesis says. @throws AuthorityError POLICY_MALFORMED */
export function policyOfGenesis(map: CborMap, lab: boolean): ClusterPolicy {
  const read = parse(() =>
    readMap(map, 'policy', (reader) => {
      // Written by the first genesis files; the first policy is always version 1.
      reader.optionalUint('version', 1);
      return readChange(reader);
    }),
  );
  if (!read.ok) throw malformed(read.error.message);
  const policy = changePolicy({ ...defaultPolicy(lab), version: 0 }, read.value);
  const fault = policyFault(policy, lab);
  if (fault !== null) throw malformed(fault);
  return policy;
}

const malformed = (detail: string): AuthorityError =>
  new AuthorityError('POLICY_MALFORMED', `the policy in the genesis cannot be used: ${detail}`);

function defaultPolicy(lab: boolean): Omit<ClusterPolicy, 'version'> {
  return {
    audit: DEFAULT_AUDIT_POLICY,
    taaAlarm: durNs(10n * NS_PER_MS),
    taaStop: durNs(50n * NS_PER_MS),
    confirmBy: 'peers',
    policyOid: lab ? taaOids.testPolicy : taaOids.defaultPolicy,
    sourceOid: lab ? taaOids.labReference : '',
    sourceName: lab ? 'laboratory, not UTC(NICT)' : 'UTC(NICT)',
  };
}

/** The policy after a change: the next version. */
export function changePolicy(policy: ClusterPolicy, change: PolicyChange): ClusterPolicy {
  return {
    version: policy.version + 1,
    audit: { ...policy.audit, ...change.audit },
    taaAlarm: change.taaAlarm ?? policy.taaAlarm,
    taaStop: change.taaStop ?? policy.taaStop,
    confirmBy: change.confirmBy ?? policy.confirmBy,
    policyOid: change.policyOid ?? policy.policyOid,
    sourceOid: change.sourceOid ?? policy.sourceOid,
    sourceName: change.sourceName ?? policy.sourceName,
  };
}

/** What makes a policy unusable as a whole, or null. Its single values were checked when they were read. */
export function policyFault(policy: ClusterPolicy, lab: boolean): string | null {
  if (policy.taaAlarm > policy.taaStop) return 'taaAlarm must not exceed taaStop';
  if (lab !== (policy.policyOid === taaOids.testPolicy)) {
    return lab
      ? 'a laboratory certifies under the test policy only'
      : 'the test policy is for laboratories only';
  }
  return null;
}

/** @throws CborError */
export function readChange(reader: CborReader): PolicyChange {
  const change = {
    audit: reader.optionalMap('audit', readAuditOverrides) ?? {},
    ...lengthIf(reader, 'taaAlarm'),
    ...lengthIf(reader, 'taaStop'),
    ...confirmByIf(reader),
    ...textIf(reader, 'policyOid'),
    ...textIf(reader, 'sourceOid'),
    ...textIf(reader, 'sourceName'),
  };
  requireOid('policyOid', change.policyOid, false);
  requireOid('sourceOid', change.sourceOid, true);
  if (change.sourceName === '') throw new CborError('outOfRange', 'sourceName', 'a name is expected');
  return change;
}

/** @throws CborError */
export function readAuditOverrides(reader: CborReader): Partial<AuditPolicy> {
  return Object.assign({}, ...auditKeys.map((key) => lengthIf(reader, key))) as Partial<AuditPolicy>;
}

/** @throws CborError when a length is missing */
export function readAuditPolicy(reader: CborReader): AuditPolicy {
  const found = readAuditOverrides(reader);
  const missing = auditKeys.find((key) => found[key] === undefined);
  if (missing !== undefined) throw new CborError('missingKey', missing, 'this length is required');
  return found as AuditPolicy;
}

/** @throws CborError */
export function readClusterPolicy(reader: CborReader): ClusterPolicy {
  const version = reader.uint('version');
  const change = readChange(reader);
  const { taaAlarm, taaStop, confirmBy, policyOid, sourceOid, sourceName } = change;
  const audit = auditKeys.every((key) => change.audit[key] !== undefined);
  if (!audit || taaAlarm === undefined || taaStop === undefined) {
    throw new CborError('missingKey', 'policy', 'a whole policy is expected');
  }
  if (policyOid === undefined || sourceOid === undefined || sourceName === undefined) {
    throw new CborError('missingKey', 'policy', 'a whole policy is expected');
  }
  if (confirmBy === undefined) throw new CborError('missingKey', 'policy', 'a whole policy is expected');
  return {
    version,
    audit: change.audit as AuditPolicy,
    taaAlarm,
    taaStop,
    confirmBy,
    policyOid,
    sourceOid,
    sourceName,
  };
}

export function encodeAuditPolicy(policy: Partial<AuditPolicy>): CborObject {
  return Object.fromEntries(auditKeys.map((key) => [key, policy[key]]));
}

export function encodePolicy(policy: ClusterPolicy): CborObject {
  return { ...encodeChange(policy), version: policy.version };
}

export function encodeChange(change: PolicyChange): CborObject {
  return {
    audit: encodeAuditPolicy(change.audit),
    taaAlarm: change.taaAlarm,
    taaStop: change.taaStop,
    confirmBy: change.confirmBy,
    ...Object.fromEntries(textKeys.map((key) => [key, change[key]])),
  };
}

/** A lease of zero length is allowed: audits that certify without permitting anything. */
function lengthIf<K extends string>(reader: CborReader, key: K): { readonly [P in K]?: DurNs } {
  const value = reader.optionalInt64(key);
  if (value === undefined) return {};
  if (value < (key === 'lease' ? 0n : 1n) || value > MAX_LENGTH) {
    throw new CborError('outOfRange', key, 'a length of time must be positive and at most ten years');
  }
  return { [key]: durNs(value) } as { readonly [P in K]?: DurNs };
}

function confirmByIf(reader: CborReader): { readonly confirmBy?: ConfirmBy } {
  const value = reader.optionalText('confirmBy', { max: 16 });
  if (value === undefined) return {};
  if (value !== 'peers' && value !== 'reference') {
    throw new CborError('outOfRange', 'confirmBy', 'peers or reference is expected');
  }
  return { confirmBy: value };
}

function textIf<K extends string>(reader: CborReader, key: K): { readonly [P in K]?: string } {
  const value = reader.optionalText(key, { max: 256 });
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: string });
}

function requireOid(key: string, value: string | undefined, mayBeEmpty: boolean): void {
  if (value === undefined || isOid(value) || (mayBeEmpty && value === '')) return;
  throw new CborError('outOfRange', key, 'a dotted object identifier is expected');
}
