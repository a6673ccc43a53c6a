/**
 * From the committed facts of an audit to the statement that is certified. Every node derives the same bytes, so that
 * apply can check a certificate against what it knows itself instead of believing it.
 */

import { NS_PER_S, durNs, taiNs, type DurNs, type TaiNs } from '../time/types.js';
import { civilFromDays } from '../time/utc-label.js';
import type { SignatureVerifier } from '../verify/crypto.js';
import { isAllowed } from '../verify/allow-list.js';
import { posixSeconds } from '../verify/calendar.js';
import type { Genesis } from '../verify/genesis.js';
import { issuerFault, keyFault, memberFault } from '../verify/member-fault.js';
import type { Member } from '../verify/membership.js';
import {
  StatementError,
  differenceOf,
  encodeStatement,
  midpoint,
  type LabelledInstant,
  type TimeAuditStatement,
} from '../verify/statement.js';
import { assembleStatement, isStatementBy, statementToBeSigned } from '../verify/signed-statement.js';
import type { Audit, Device } from './model.js';
import { bestSample, measuredAt } from './verdict.js';

/** How a statement is encoded, signed and checked. The simulator gives a cheap one, everyone else `statementCodec`. */
export interface StatementCodec {
  /** Deterministic content. @throws StatementError when the statement contradicts itself */
  encode(statement: TimeAuditStatement): Uint8Array;
  /** The bytes that the issuing key signs. */
  toBeSigned(content: Uint8Array, signerCertificate: Uint8Array): Uint8Array;
  /** The certificate, from content and signature. */
  assemble(content: Uint8Array, signerCertificate: Uint8Array, signature: Uint8Array): Uint8Array;
  /** Whether `der` is the certificate over exactly this content, signed by this certificate's key. Never throws. */
  check(
    der: Uint8Array,
    content: Uint8Array,
    signerCertificate: Uint8Array,
    verifier: SignatureVerifier,
  ): boolean;
  /** Why a member that is ordered in could not sign statements that verify, or null. Never throws. */
  memberFault(member: Member, genesis: Genesis, time: TaiNs, verifier: SignatureVerifier): string | null;
}

/** The form of docs/formats.md: our schema in CMS SignedData. */
export const statementCodec: StatementCodec = {
  encode: encodeStatement,
  toBeSigned: statementToBeSigned,
  assemble: (content, signerCertificate, signature) =>
    assembleStatement(content, signerCertificate, signature),
  check: isStatementBy,
  memberFault: (member, { clusterId, trustAnchors, createdAt, taiMinusUtc }, time, verifier) => {
    // Before the first stamp cluster time is zero. One second more or less of TAI − UTC decides nothing here.
    const at = posixSeconds(time > createdAt ? time : createdAt, taiMinusUtc);
    const tls =
      member.tlsKey === null ? null : keyFault(`the TLS key of ${member.id}`, member.tlsKey, isTlsKey);
    return tls ?? memberFault(clusterId, member) ?? issuerFault(member, trustAnchors, at, verifier);
  },
};

const isTlsKey = (algorithm: string): boolean => isAllowed(algorithm, 'tls');

/** What an audit does not say of itself. */
export interface StatementContext {
  readonly clusterId: string;
  /** Where the measuring node stands. */
  readonly site: string;
  readonly device: Pick<Device, 'subscriber'>;
}

/** The content to certify, or null when the facts make no consistent statement. */
export function contentOf(audit: Audit, context: StatementContext, codec: StatementCodec): Uint8Array | null {
  try {
    const statement = statementOf(audit, context);
    return statement === null ? null : codec.encode(statement);
  } catch (error) {
    if (error instanceof StatementError) return null;
    throw error;
  }
}

/** Null for a measurement without samples. */
export function statementOf(audit: Audit, context: StatementContext): TimeAuditStatement | null {
  const { facts, judgement, policy, terms } = audit;
  const best = bestSample(facts.samples);
  if (best === null) return null;
  const when = measuredAt(facts, best);
  const measured = { earliest: taiNs(when.earliest), latest: taiNs(when.latest) };
  const from = midpoint(measured);
  const label = (tai: TaiNs): LabelledInstant => ({ tai, utc: utcLabel(tai, facts.taiMinusUtc) });
  return {
    clusterId: context.clusterId,
    policy: { oid: terms.policyOid, version: audit.policyVersion },
    serial: audit.leaf,
    measurementLeafHash: audit.leafHash,
    source: {
      oid: terms.sourceOid === '' ? null : terms.sourceOid,
      name: terms.sourceName,
    },
    auditor: { node: audit.node, site: context.site },
    audited: { device: audit.device, subscriber: context.device.subscriber, distinguishedName: null },
    sequence: audit.sequence,
    measuredAt: { ...measured, taiMinusUtc: facts.taiMinusUtc, utc: label(from).utc },
    result: differenceOf(judgement.low, judgement.high),
    legs: {
      tsaMinusTaa: {
        ...differenceOf(judgement.tsaLow, judgement.tsaHigh),
        delay: judgement.delay,
        samples: facts.samples.length,
        timescale: facts.timescale,
      },
      taaMinusUtc: differenceOf(facts.taaLow, facts.taaHigh),
    },
    limits: { offset: policy.limit, delay: policy.maxDelay },
    verdict: judgement.verdict,
    assumptions: { rhoPpb: facts.rhoPpb },
    clock: {
      state: facts.clockState,
      epoch: facts.clockEpoch,
      leap: facts.leap,
      unmonitored: facts.unmonitored,
    },
    validity: { from: label(from), to: label(taiNs(from + policy.certificateLife)) },
    lease: leaseOf(audit),
    extensions: [],
  };
}

/** What a certificate permits: the lease of a pass, nothing otherwise. */
export const leaseOf = (audit: Pick<Audit, 'judgement' | 'policy'>): DurNs =>
  audit.judgement.verdict === 'pass' ? audit.policy.lease : durNs(0n);

const pad = (value: number | bigint, width: number): string => value.toString().padStart(width, '0');

/**
 * The UTC label of an instant under a known TAI − UTC. Never within an inserted second: the verdict keeps measurements
 * there out (see verdict.ts), because the offset alone does not tell 23:59:60 from 00:00:00.
 */
function utcLabel(tai: TaiNs, taiMinusUtc: number): string {
  const utc = tai - BigInt(taiMinusUtc) * NS_PER_S;
  const seconds = utc >= 0n ? utc / NS_PER_S : -((NS_PER_S - 1n - utc) / NS_PER_S);
  const days = Number(seconds >= 0n ? seconds / 86_400n : -((86_399n - seconds) / 86_400n));
  const ofDay = Number(seconds) - days * 86_400;
  const { year, month, day } = civilFromDays(days);
  const clock = [Math.floor(ofDay / 3600), Math.floor(ofDay / 60) % 60, ofDay % 60];
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${clock.map((part) => pad(part, 2)).join(':')}.${pad(utc - seconds * NS_PER_S, 9)}Z`;
}
