/**
 * Answers of a node as JSON: enum values in the words of the documents (`leader`, not `RAFT_ROLE_LEADER`), bytes as hex,
 * 64-bit integers as the decimal strings that they are on the wire.
 */

import type { Json } from './output.js';

const prefixes = ['RAFT_ROLE_', 'CLOCK_STATE_', 'LEAP_STATE_', 'VERDICT_', 'TIMESCALE_'];

/** `RAFT_ROLE_PRE_CANDIDATE` → `preCandidate`; an unspecified value is null. */
export function word(name: string): string | null {
  const prefix = prefixes.find((candidate) => name.startsWith(candidate));
  if (prefix === undefined) return name;
  const bare = name.slice(prefix.length);
  if (bare === 'UNSPECIFIED') return null;
  return bare.toLowerCase().replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

/** Fields that hold enum values; what a person wrote is never rewritten. */
const enumFields = ['role', 'state', 'clockState', 'leap', 'lastVerdict'];

/** @param value a message as the protobuf loader gives it */
export function jsonOf(value: unknown, field = ''): Json {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map((item) => jsonOf(item));
  if (typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value)
        // Names of a oneof that the loader adds.
        .filter(([key]) => !key.startsWith('_'))
        .map(([key, item]) => [key, jsonOf(item, key)]),
    );
  }
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return enumFields.includes(field) ? word(value) : value;
  return typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

export const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
