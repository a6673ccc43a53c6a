/**
 * What an auditor checks at the end: every certificate, every node's tree, every sequence. Empty `problems` is the proof.
 * An audit that is under way when its client leaves has no outcome yet; the policy says by when it must have one.
 */
import type { LabCluster } from '../../src/lab/lab-cluster.js';
import type { Connection } from '../../src/operator/connection.js';
import { decode } from '../../src/verify/cbor.js';
import type { CborMap } from '../../src/verify/cbor.js';
import { isMap } from '../../src/verify/cbor-reader.js';
import { trustOfGenesis, verifyCertificateBundle } from '../../src/verify/certificate-bundle.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { verifyGenesis } from '../../src/verify/genesis.js';
import { leafHash, nodeHash } from '../../src/verify/merkle.js';
import { decodeReceipt } from '../../src/verify/receipt.js';
import type { GetEntriesRequest } from '../../src/wire/gen/taa/v1/GetEntriesRequest.js';
import type { GetEntriesResponse__Output } from '../../src/wire/gen/taa/v1/GetEntriesResponse.js';
import type { GetStatusRequest } from '../../src/wire/gen/taa/v1/GetStatusRequest.js';
import type { GetStatusResponse__Output } from '../../src/wire/gen/taa/v1/GetStatusResponse.js';

export interface Examination {
  readonly leaves: number;
  /** Audits seen in the log, per outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

/**
 * An audit under way has its outcome by its deadline (`voidAfter` of the laboratory's policy, 10 s after the measurement) and
 * the entry that brings it; the rest is for a machine that has other work to do.
 */
const OUTCOME_WITHIN_MS = 10_000 + 20_000;
const ASK_AGAIN_MS = 250;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export async function examine(
  cluster: LabCluster,
  receipts: readonly Uint8Array[],
  devices: readonly string[],
): Promise<Examination> {
  const problems: string[] = [];
  const [first = '', ...others] = cluster.names;
  const rested = await restedLog(cluster, first, devices);
  const logs = [rested, ...(await Promise.all(others.map((node) => wholeLog(cluster, node))))];
  const size = Math.min(...logs.map((log) => log.length));
  const roots = logs.map((log) => hex(rootOf(log.slice(0, size))));
  if (new Set(roots).size !== 1) problems.push(`the roots of ${size} leaves differ: ${roots.join(', ')}`);
  checkReceipts(cluster, receipts, logs, problems);
  const outcomes: Record<string, number> = {};
  for (const device of devices) checkSequences(device, rested, outcomes, problems);
  return { leaves: size, outcomes, problems };
}

/** The log of one node as soon as every audit in it has an outcome, or as it is once every one must have had it. */
async function restedLog(
  cluster: LabCluster,
  node: string,
  devices: readonly string[],
): Promise<readonly Uint8Array[]> {
  const deadline = performance.now() + OUTCOME_WITHIN_MS;
  for (;;) {
    const log = await wholeLog(cluster, node);
    const open = devices.some((device) =>
      [...auditsOf(device, log).values()].some((found) => found.length === 0),
    );
    if (!open || performance.now() > deadline) return log;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

/** Every leaf of one node, asked of that node alone. */
export async function wholeLog(cluster: LabCluster, node: string): Promise<readonly Uint8Array[]> {
  const connection: Connection = cluster.connectTo(cluster.files.administrator, [node]);
  try {
    const { value } = await connection.call<GetStatusRequest, GetStatusResponse__Output>(
      ({ admin }) => admin.GetStatus.bind(admin),
      {},
    );
    const size = Number(value.logSize);
    const leaves: Uint8Array[] = [];
    while (leaves.length < size) {
      const answer = await connection.call<GetEntriesRequest, GetEntriesResponse__Output>(
        ({ log }) => log.GetEntries.bind(log),
        { start: String(leaves.length), count: Math.min(512, size - leaves.length) },
      );
      leaves.push(...answer.value.leaves);
    }
    return leaves;
  } finally {
    connection.close();
  }
}

function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  let row = leaves.map((leaf) => leafHash(leaf));
  while (row.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < row.length; i += 2) {
      const [left, right] = [row[i] as Uint8Array, row[i + 1]];
      next.push(right === undefined ? left : nodeHash(left, right));
    }
    row = next;
  }
  return row[0] ?? new Uint8Array(0);
}

function checkReceipts(
  cluster: LabCluster,
  receipts: readonly Uint8Array[],
  logs: readonly (readonly Uint8Array[])[],
  problems: string[],
): void {
  const trust = trustOfGenesis(verifyGenesis(cluster.files.genesis, nodeVerifier).genesis);
  if (receipts.length === 0) problems.push('no certificate was received at all');
  for (const receipt of receipts) {
    const verdict = verifyCertificateBundle(null, receipt, trust, nodeVerifier);
    if (!verdict.ok) {
      problems.push(`a certificate does not verify: ${verdict.message}`);
      continue;
    }
    const { issuance, measurement } = decodeReceipt(receipt);
    for (const { leaf, index } of [issuance, measurement]) {
      logs.forEach((log, i) => {
        const own = log[index];
        if (own === undefined || hex(own) !== hex(leaf)) {
          problems.push(
            `leaf ${index} of certificate ${verdict.statement.sequence} is not in the log of ${cluster.names[i] ?? '?'}`,
          );
        }
      });
    }
  }
}

/** 1…n, each with exactly one outcome. */
function checkSequences(
  device: string,
  log: readonly Uint8Array[],
  counts: Record<string, number>,
  problems: string[],
): void {
  let last = 0;
  for (const [sequence, found] of auditsOf(device, log)) {
    if (sequence !== last + 1) problems.push(`${device}: audit ${sequence} after ${last}`);
    last = sequence;
    for (const outcome of found) counts[outcome] = (counts[outcome] ?? 0) + 1;
    if (found.length !== 1)
      problems.push(`${device}: audit ${sequence} has ${found.length} outcomes (${found.join(', ')})`);
  }
}

/** The device's audits in the order in which they were measured, each with its outcomes. */
function auditsOf(device: string, log: readonly Uint8Array[]): ReadonlyMap<number, readonly string[]> {
  const outcomes = new Map<number, string[]>();
  for (const leaf of log) {
    const record = decode(leaf);
    if (!isMap(record) || record.get('device') !== device) continue;
    const sequence = record.get('sequence');
    if (typeof sequence !== 'number') continue;
    const outcome = outcomeOf(record);
    if (outcome === null && record.get('type') !== 'measurement') continue;
    const known = outcomes.get(sequence);
    const again = known !== undefined && record.get('type') === 'measurement' ? ['measured again'] : [];
    outcomes.set(sequence, [...(known ?? []), ...again, ...(outcome === null ? [] : [outcome])]);
  }
  return outcomes;
}

function outcomeOf(record: CborMap): string | null {
  switch (record.get('type')) {
    case 'certificate':
      return 'certified';
    case 'voided':
      return 'voided';
    case 'measurement': {
      const judgement = record.get('judgement');
      const verdict = judgement !== undefined && isMap(judgement) ? judgement.get('verdict') : null;
      return verdict === 'fail' || verdict === 'inconclusive' ? verdict : null;
    }
    default:
      return null;
  }
}
