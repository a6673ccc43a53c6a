/**
 * Makes the steps of an audit that only the measuring node can make: confirm, sign and issue, or void. What is to be done
 * follows from replicated state alone (src/authority/issuance.ts); this file remembers only what is under way, so that
 * a restart at any point goes on from the log.
 */

import type { Authority, IssuanceStep } from '../../authority/api.js';
import { ROUNDS_TO_CONFIRM, confirmedBy, nextSteps } from '../../authority/issuance.js';
import type { Audit, MeasurementFacts } from '../../authority/model.js';
import { clockReason } from '../../authority/verdict.js';
import type { ClockReading } from '../../time/types.js';
import { durNs } from '../../time/types.js';
import { equalBytes } from '../../verify/bytes.js';
import type { OutcomeMessage } from '../../wire/messages.js';
import type { Environment } from '../environment.js';
import type { Testimony } from './testimony.js';

export interface IssuanceListener {
  /** Beside a clock that serves time: whether this node may confirm and sign at all now. */
  readonly mayIssue: (reading: ClockReading) => boolean;
  /** A step is about to be taken; only tests that kill between steps listen. */
  readonly step: (kind: IssuanceStep['kind'] | 'propose', audit: Audit) => void;
}

export class Issuance {
  readonly #env: Environment;
  readonly #authority: Authority;
  readonly #node: string;
  readonly #run: Uint8Array;
  readonly #testimony: Testimony;
  readonly #listener: IssuanceListener;
  /** Steps that were begun and not yet answered: "device/sequence/kind". */
  readonly #underWay = new Set<string>();

  constructor(
    env: Environment,
    authority: Authority,
    node: string,
    run: Uint8Array,
    testimony: Testimony,
    listener: IssuanceListener,
  ) {
    this.#env = env;
    this.#authority = authority;
    this.#node = node;
    this.#run = run;
    this.#testimony = testimony;
    this.#listener = listener;
  }

  /** After anything that may have made a step possible: an applied entry, a clock sample, a timer. */
  advance(): void {
    if (this.#authority.pending(this.#node).length === 0) return;
    const reading = this.#env.clockReading();
    const clock = {
      run: this.#run,
      epoch: reading.epoch,
      samples: reading.samples,
      peerRounds: reading.peerRounds,
      mayIssue:
        clockReason(reading.state) === null &&
        reading.peers !== 'disagree' &&
        this.#listener.mayIssue(reading),
    };
    this.#hurry(reading);
    const asked = (audit: Audit, kind: IssuanceStep['kind']): boolean =>
      this.#underWay.has(stepKey(audit, kind));
    for (const step of nextSteps(this.#authority, this.#node, clock, asked)) this.#take(step, reading);
  }

  /** Rounds among the peers are begun now for what waits for them, instead of at their usual pace. */
  #hurry(reading: ClockReading): void {
    const { confirmBy } = this.#authority.policy();
    if (confirmBy !== 'peers' || reading.peers === 'disagree') return;
    const waiting = this.#authority
      .pending(this.#node)
      .some(({ stage, facts }) => stage === 'measured' && confirmedBy(confirmBy, facts, reading) === null);
    if (waiting) this.#env.requestPeerRounds(ROUNDS_TO_CONFIRM);
  }

  /** A failure that apply is going to find: the client hears of it before it is recorded. */
  foresee(facts: MeasurementFacts): OutcomeMessage | null {
    const judgement = this.#authority.judge(facts);
    if (judgement?.verdict !== 'fail') return null;
    return {
      kind: 'outcome',
      request: facts.request,
      sequence: 0,
      verdict: 'fail',
      reason: 'OFFSET_OUTSIDE_LIMIT',
      low: judgement.low,
      high: judgement.high,
      receipt: new Uint8Array(0),
      lease: durNs(0n),
      voided: false,
    };
  }

  #take(step: IssuanceStep, reading: ClockReading): void {
    const { audit } = step;
    const key = stepKey(audit, step.kind);
    this.#underWay.add(key);
    const answered = (): void => {
      this.#underWay.delete(key);
    };
    this.#listener.step(step.kind, audit);
    switch (step.kind) {
      case 'confirm':
        this.#testimony.confirm(audit.device, audit.sequence, reading, answered);
        break;
      case 'void':
        this.#testimony.voidAudit(audit.device, audit.sequence, step.reason, answered);
        break;
      case 'sign':
        this.#sign(audit, step.toBeSigned, answered);
        break;
    }
  }

  #sign(audit: Audit, toBeSigned: Uint8Array, answered: () => void): void {
    this.#env.signer.issue(toBeSigned, (error, signature) => {
      if (error !== null || signature === undefined) {
        // The key could not be used: alarm, and try again at the next tick until the deadline voids the audit.
        const message = `the issuing key could not be used: ${error?.message ?? 'no signature'}; check the key store`;
        this.#env.notifier.notify({ severity: 'alarm', code: 'SIGNING_FAILED', message });
        answered();
        return;
      }
      this.#listener.step('propose', audit);
      const current = this.#authority.audit(audit.device, audit.sequence);
      if (current?.stage !== 'confirmed' || !equalBytes(current.facts.run, audit.facts.run)) {
        answered();
        return;
      }
      this.#testimony.issue(
        audit.device,
        audit.sequence,
        this.#authority.assemble(audit, signature),
        answered,
      );
    });
  }
}

const stepKey = (audit: Audit, kind: string): string => `${audit.device}/${audit.sequence}/${kind}`;
