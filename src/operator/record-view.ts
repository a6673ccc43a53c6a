/**
 * A record for people and scripts. Every integer of a record becomes a decimal string, whatever its size, and bytes
 * become lower-case hex, so that a field has one type for ever.
 */

import { CborError, decode, type CborValue } from '../verify/cbor.js';

export type RecordJson =
  string | boolean | null | readonly RecordJson[] | { readonly [key: string]: RecordJson };
export type RecordView = Readonly<Record<string, RecordJson>>;

/** Null when the leaf is no map of the CBOR profile. */
export function viewRecord(leaf: Uint8Array): RecordView | null {
  try {
    const view = viewOf(decode(leaf));
    return typeof view === 'object' && view !== null && !Array.isArray(view) ? (view as RecordView) : null;
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
}

function viewOf(value: CborValue): RecordJson {
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (isList(value)) return value.map(viewOf);
  return Object.fromEntries([...value].map(([key, item]) => [key, viewOf(item)]));
}

const isList = (value: CborValue): value is readonly CborValue[] => Array.isArray(value);

/** What tells records apart at a glance: the fields beside those that every record has. */
export function summaryOf(view: RecordView): string {
  const common = ['v', 'type', 'ret', 'time', 'index', 'node', 'rnd'];
  return Object.entries(view)
    .filter(([key]) => !common.includes(key))
    .map(([key, value]) => `${key}=${short(value)}`)
    .join(' ');
}

function short(value: RecordJson): string {
  if (typeof value === 'string') return value.length > 40 ? `${value.slice(0, 16)}…(${value.length})` : value;
  return typeof value === 'object' && value !== null
    ? Array.isArray(value)
      ? `[${value.length}]`
      : '{…}'
    : String(value);
}
