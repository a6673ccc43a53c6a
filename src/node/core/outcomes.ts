/**
 * What a client is told about an audit, and when: a failure or an inconclusive measurement once it is committed, a pass
 * only when a published checkpoint covers the record of its certificate. Every retry gives the same bytes of
 * certificate; the receipt is made against the newest published checkpoint that covers it.
 */

import type { Audit } from '../../authority/model.js';
import { durNs } from '../../time/types.js';
import type { OutcomeMessage } from '../../wire/messages.js';
import { withoutVerdict } from './audit-session.js';

export interface OutcomeSource {
  /** The audit as it stands now. */
  readonly current: (audit: Audit) => Audit | undefined;
  readonly publishedSize: () => number;
  /** Receipt bundle for an issued audit; null when it cannot be made (damaged storage: recorded elsewhere). */
  readonly receipt: (audit: Audit, done: (receipt: Uint8Array | null) => void) => void;
}

interface Waiting {
  readonly audit: Audit;
  readonly request: number;
  readonly done: (outcome: OutcomeMessage) => void;
}

export class Outcomes {
  readonly #source: OutcomeSource;
  readonly #node: string;
  #waiting: Waiting[] = [];

  constructor(source: OutcomeSource, node: string) {
    this.#source = source;
    this.#node = node;
  }

  /**
   * Answers when the outcome is final. An audit that another node is still working on is answered at once as pending:
   * that node may be gone, and the client does better to ask for a new audit here.
   */
  tell(audit: Audit, request: number, done: (outcome: OutcomeMessage) => void): void {
    const current = this.#source.current(audit) ?? audit;
    if (current.outcome === null && current.node !== this.#node) {
      done(withoutVerdict(request, 'AUDIT_PENDING'));
      return;
    }
    this.#waiting.push({ audit: current, request, done });
    this.advance();
  }

  /** Something was applied or published: whoever waited for it is answered. */
  advance(): void {
    const still: Waiting[] = [];
    const ready: (() => void)[] = [];
    for (const waiting of this.#waiting) {
      const current = this.#source.current(waiting.audit) ?? waiting.audit;
      const { outcome } = current;
      if (
        outcome === null ||
        (outcome.kind === 'certified' && this.#source.publishedSize() <= outcome.leaf)
      ) {
        still.push(waiting);
      } else if (outcome.kind === 'certified') {
        ready.push(() => this.#deliver(current, waiting));
      } else {
        const reason = outcome.kind === 'failed' ? 'OFFSET_OUTSIDE_LIMIT' : outcome.reason;
        const message = outcomeMessage(current, waiting.request, reason, outcome.kind === 'voided');
        ready.push(() => waiting.done(message));
      }
    }
    this.#waiting = still;
    for (const answer of ready) answer();
  }

  #deliver(audit: Audit, waiting: Waiting): void {
    this.#source.receipt(audit, (receipt) => {
      if (receipt === null) {
        waiting.done(withoutVerdict(waiting.request, 'STORAGE_FAILED'));
        return;
      }
      waiting.done({
        ...outcomeMessage(audit, waiting.request, '', false),
        receipt,
        lease: audit.policy.lease,
      });
    });
  }
}

export function outcomeMessage(
  audit: Audit,
  request: number,
  reason: string,
  voided: boolean,
): OutcomeMessage {
  return {
    kind: 'outcome',
    request,
    sequence: audit.sequence,
    verdict: audit.judgement.verdict,
    reason,
    low: audit.judgement.low,
    high: audit.judgement.high,
    receipt: new Uint8Array(0),
    lease: durNs(0n),
    voided,
  };
}
