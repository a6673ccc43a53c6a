/** What an auditor checks at the end: every certificate, every node's tree, every sequence. Empty `problems` is the proof. */
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

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export async function examine(
  cluster: LabCluster,
  receipts: readonly Uint8Array[],
  devices: readonly string[],
): Promise<Examination> {
  const problems: string[] = [];
  const logs = await Promise.all(cluster.names.map((node) => wholeLog(cluster, node)));
  const size = Math.min(...logs.map((log) => log.length));
  const roots = logs.map((log) => hex(rootOf(log.slice(0, size))));
  if (new Set(roots).size !== 1) problems.push(`the roots of ${size} leaves differ: ${roots.join(', ')}`);
  checkReceipts(cluster, receipts, logs, problems);
  const outcomes: Record<string, number> = {};
  for (const device of devices) checkSequences(device, logs[0] ?? [], outcomes, problems);
  return { leaves: size, outcomes, problems };
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
  const outcomes = new Map<number, string[]>();
  let last = 0;
  for (const leaf of log) {
    const record = decode(leaf);
    if (!isMap(record) || record.get('device') !== device) continue;
    const outcome = outcomeOf(record);
    const sequence = record.get('sequence');
    if (typeof sequence !== 'number') continue;
    if (record.get('type') === 'measurement') {
      if (sequence !== last + 1) problems.push(`${device}: audit ${sequence} after ${last}`);
      last = sequence;
    }
    if (outcome !== null) outcomes.set(sequence, [...(outcomes.get(sequence) ?? []), outcome]);
  }
  for (let sequence = 1; sequence <= last; sequence += 1) {
    const found = outcomes.get(sequence) ?? [];
    for (const outcome of found) counts[outcome] = (counts[outcome] ?? 0) + 1;
    if (found.length !== 1)
      problems.push(`${device}: audit ${sequence} has ${found.length} outcomes (${found.join(', ')})`);
  }
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
