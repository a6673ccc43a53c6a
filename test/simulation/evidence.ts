/**
 * Released ⇒ committed and published: what a TSA was given is checked like an auditor would, against the genesis alone,
 * and against every disk of the world.
 */
import { checkpointPolicy, logOrigin } from '../../src/verify/checkpoint-policy.js';
import type { Genesis } from '../../src/verify/genesis.js';
import { clientStatementOf } from '../../src/sdk/core/receipts.js';
import { CborError } from '../../src/verify/cbor.js';
import { decodeReceipt, verifyReceipt } from '../../src/verify/receipt.js';
import { decodeStatement } from '../../src/verify/statement.js';
import type { OutcomeMessage } from '../../src/wire/messages.js';
import { Violation } from './violation.js';
import { readStatement, simulatedVerifier } from './signatures.js';

/** The readings, signed by the device, that the certified measurement rests on; null if the receipt names none. */
export function readingsBehind(receipt: Uint8Array): Uint8Array | null {
  try {
    return clientStatementOf(decodeReceipt(receipt).measurement.leaf);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
}

export class EvidenceCheck {
  readonly #policy: ReturnType<typeof checkpointPolicy>;

  constructor(genesis: Genesis) {
    this.#policy = checkpointPolicy({
      origin: logOrigin(genesis.clusterId),
      nodes: genesis.members.map(({ id, site, logKey }) => ({ name: id, site, key: logKey })),
      ...genesis.trust,
    });
  }

  /** @throws Violation ReleasedIsPublished, CertificateMatches */
  released(outcome: OutcomeMessage, device: string): void {
    const trust = { policy: this.#policy, verifier: simulatedVerifier };
    const first = verifyReceipt(outcome.receipt, trust);
    if (!first.ok) throw new Violation('ReleasedIsPublished', first.detail);
    const parts = readStatement(first.bundle.certificate);
    if (parts === null) throw new Violation('CertificateMatches', 'the certificate cannot be read');
    const statement = decodeStatement(parts.content);
    const verdict = verifyReceipt(outcome.receipt, trust, statement.auditor.node);
    if (!verdict.ok) throw new Violation('ReleasedIsPublished', verdict.detail);
    const agrees =
      statement.serial === first.bundle.measurement.index &&
      statement.sequence === outcome.sequence &&
      statement.audited.device === device &&
      statement.result.low === outcome.low &&
      statement.result.high === outcome.high &&
      statement.verdict === 'pass';
    if (!agrees) throw new Violation('CertificateMatches', `certificate of ${device}/${outcome.sequence}`);
  }
}
