/**
 * What this node proposes in its own name, and how long it keeps trying. Records of what happened are retried for a good
 * while, because the fact does not go away; answers that somebody waits for are given up sooner. What restricts and what
 * went wrong waits in the spool if nobody can commit it.
 */

import type { ClockWitness, Testimony as Statement } from '../../authority/testimony.js';
import type { LeapEvent } from '../../clock/core/events.js';
import { encodeCommand } from '../../authority/commands.js';
import type { MeasurementFacts } from '../../authority/model.js';
import type { SignedCommandSubmission } from '../../rpc/doors.js';
import type { ClockReading, ClockState, DurNs } from '../../time/types.js';
import { durNs, NS_PER_S } from '../../time/types.js';
import type { CommandResult, Proposals } from './proposals.js';
import { recordable } from './spool.js';
import type { Spool } from './spool.js';

/** Somebody waits for the answer. */
const PATIENCE: DurNs = durNs(5n * NS_PER_S);
/** Nobody waits, and the record must not be lost to a change of leader. */
const PERSISTENCE: DurNs = durNs(60n * NS_PER_S);

function witnessOf(reading: ClockReading): ClockWitness {
  const { best, epoch, samples, rhoPpb, taiMinusUtc, leap, unmonitored, peers } = reading;
  // A clock that has just lost its footing knows nothing: its bound is as wide as a number can be, a record's is not.
  const earliest = recordable(reading.earliest);
  const latest = recordable(reading.latest);
  return { earliest, best, latest, epoch, samples, rhoPpb, taiMinusUtc, leap, unmonitored, peers };
}

/** What the clock did about a possible leap second. */
export type LeapCheck = Pick<LeapEvent, 'phase' | 'midnight' | 'change' | 'votes' | 'tableHash' | 'daysLeft'>;

/** TAA − source, measured by one accepted sample. */
export interface Comparison {
  readonly source: string;
  readonly address: string;
  readonly role: 'reference' | 'monitor';
  readonly authenticated: boolean;
  readonly offset: DurNs;
  readonly uncertainty: DurNs;
  readonly delay: DurNs;
  readonly state: ClockState;
  readonly sample: number;
}

type Done = (result: CommandResult) => void;
const nobody: Done = () => undefined;

export class Testimony {
  readonly #node: string;
  readonly #run: Uint8Array;
  readonly #random: (length: number) => Uint8Array;
  readonly #proposals: Proposals;
  readonly #spool: Spool;

  constructor(
    node: string,
    run: Uint8Array,
    random: (length: number) => Uint8Array,
    proposals: Proposals,
    spool: Spool,
  ) {
    this.#node = node;
    this.#run = run;
    this.#random = random;
    this.#proposals = proposals;
    this.#spool = spool;
  }

  measure(facts: MeasurementFacts, done: Done): void {
    this.#propose({ kind: 'measure', facts }, PATIENCE, done);
  }

  confirm(device: string, sequence: number, clock: ClockReading, done: Done): void {
    const { epoch, samples, peerRounds } = clock;
    const run = this.#run;
    this.#propose({ kind: 'confirm', device, sequence, run, epoch, samples, peerRounds }, PATIENCE, done);
  }

  issue(device: string, sequence: number, der: Uint8Array, done: Done): void {
    this.#propose({ kind: 'issue', device, sequence, der }, PATIENCE, done);
  }

  voidAudit(device: string, sequence: number, reason: string, done: Done): void {
    this.#propose({ kind: 'void', device, sequence, reason }, PATIENCE, done);
  }

  /** `address`: from where, remote address and port. */
  sessionOpen(device: string, session: Uint8Array, software: string, address: string, done: Done): void {
    this.#propose({ kind: 'sessionOpen', device, session, software, address }, PATIENCE, done);
  }

  sessionClose(device: string, session: Uint8Array, reason: string): void {
    this.#propose({ kind: 'sessionClose', device, session, reason }, PATIENCE, nobody);
  }

  stopAcknowledged(
    device: string,
    order: number,
    statement: Uint8Array,
    signature: Uint8Array,
    done: Done,
  ): void {
    this.#propose({ kind: 'stopAcknowledged', device, order, statement, signature }, PERSISTENCE, done);
  }

  clockTransition(from: ClockState, to: ClockState, reading: ClockReading): void {
    this.#spool.record({ kind: 'clockTransition', from, to, clock: witnessOf(reading) });
  }

  clockComparison(comparison: Comparison): void {
    const { source, address, role, authenticated, offset, uncertainty, delay, state, sample } = comparison;
    this.#propose(
      {
        kind: 'clockComparison',
        source,
        address,
        role,
        authenticated,
        offset,
        uncertainty,
        delay,
        state,
        sample,
      },
      PERSISTENCE,
      nobody,
    );
  }

  leapCheck(check: LeapCheck, reading: ClockReading): void {
    const { midnight, change, votes, tableHash, daysLeft, phase } = check;
    const { list, indicator, operator } = votes;
    this.#propose(
      {
        kind: 'leapCheck',
        phase,
        midnight,
        change,
        list,
        indicator,
        operator,
        table: tableHash,
        daysLeft,
        clock: witnessOf(reading),
      },
      PERSISTENCE,
      nobody,
    );
  }

  clockAnomaly(code: string, source: string, detail: string): void {
    this.#spool.record({ kind: 'clockAnomaly', code, source, detail: detail.slice(0, 1000) });
  }

  /** `address`: from where, if the connection told. */
  accessDenied(identity: string, reason: string, address?: string): void {
    const count = 1;
    this.#spool.record({ kind: 'accessDenied', identity: identity.slice(0, 400), reason, count, address });
  }

  nodeStarted(version: string, supports: number): void {
    this.#propose({ kind: 'nodeStarted', run: this.#run, version, supports }, PERSISTENCE, nobody);
  }

  nodeStopping(done: Done): void {
    this.#propose({ kind: 'nodeStopping', run: this.#run }, durNs(NS_PER_S), done);
  }

  diverged(detail: string): void {
    this.#spool.record({ kind: 'diverged', detail: detail.slice(0, 1000) });
  }

  forkEvidence(peer: string, evidence: Uint8Array): void {
    this.#spool.record({ kind: 'forkEvidence', detail: `${peer} signed another tree`, evidence });
  }

  membershipAttested(version: number, note: Uint8Array, done: Done): void {
    this.#propose({ kind: 'membershipAttested', version, note }, PATIENCE, done);
  }

  /** Ends the tree at a boundary; makes no record. */
  checkpoint(): void {
    this.#propose({ kind: 'checkpoint' }, durNs(NS_PER_S), nobody);
  }

  /** Makes the digest of the replicated state a record, so that a snapshot of it can be proven. */
  stateDigest(): void {
    this.#propose({ kind: 'stateDigest' }, PATIENCE, nobody);
  }

  labAppend(items: readonly Uint8Array[], done: Done): void {
    this.#propose({ kind: 'labAppend', items }, PATIENCE, done);
  }

  /** Carries a person's signed command; what it says is theirs. */
  signed(command: SignedCommandSubmission, done: Done): void {
    const { statement, signature, signer, algorithm, body, bodySalt } = command;
    const nonce = this.#random(16);
    const payload = encodeCommand(this.#node, nonce, {
      kind: 'signed',
      statement,
      signature,
      signer,
      algorithm,
      body,
      bodySalt,
    });
    this.#proposals.submit(nonce, payload, PATIENCE, done);
  }

  #propose(statement: Statement, patience: DurNs, done: Done): void {
    const nonce = this.#random(16);
    this.#proposals.submit(nonce, encodeCommand(this.#node, nonce, statement), patience, done);
  }
}
