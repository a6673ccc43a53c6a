/**
 * The messages of a client session in our own types: what taa.v1.TimeService.Session carries, without protobuf. The
 * node, the SDK and the simulator speak these; ./mapping.ts turns them into protobuf and back at the edge.
 */

import type { ClockState, DurNs, LeapState, TaiNs } from '../time/types.js';

export interface InstantMessage {
  readonly earliest: TaiNs;
  readonly best: TaiNs;
  readonly latest: TaiNs;
  readonly taiMinusUtc: number;
}

export interface AuditPolicyMessage {
  readonly limit: DurNs;
  readonly interval: DurNs;
  readonly maxDelay: DurNs;
  readonly certificateLife: DurNs;
  readonly lease: DurNs;
  readonly voidAfter: DurNs;
}

export interface TimeMessage {
  readonly kind: 'time';
  readonly nonce: Uint8Array;
  readonly received: InstantMessage;
  readonly transmitted: InstantMessage;
  readonly clockState: ClockState;
  readonly leap: LeapState;
  readonly uncertified: boolean;
}

/** From the client. */
export type SessionRequest =
  | { readonly kind: 'hello'; readonly session: Uint8Array; readonly software: string }
  | { readonly kind: 'timeQuery'; readonly nonce: Uint8Array }
  | { readonly kind: 'auditRequest'; readonly request: number }
  | {
      readonly kind: 'probeReply';
      readonly nonce: Uint8Array;
      readonly received: TaiNs;
      readonly transmitted: TaiNs;
      readonly timescale: 'tai' | 'utc';
    }
  | {
      readonly kind: 'signedReadings';
      readonly request: number;
      readonly statement: Uint8Array;
      readonly signature: Uint8Array;
    }
  | {
      readonly kind: 'stopAcknowledgement';
      readonly order: number;
      readonly statement: Uint8Array;
      readonly signature: Uint8Array;
    }
  | { readonly kind: 'fetchOutcome'; readonly request: number };

export interface StopOrderMessage {
  readonly order: number;
  readonly reason: string;
}

export interface OutcomeMessage {
  readonly kind: 'outcome';
  readonly request: number;
  /** 0 if the audit was refused before it got a number. */
  readonly sequence: number;
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  readonly reason: string;
  readonly low: DurNs;
  readonly high: DurNs;
  /** Receipt bundle; empty unless the verdict is a pass that was certified. */
  readonly receipt: Uint8Array;
  readonly lease: DurNs;
  readonly voided: boolean;
}

/** From the node. */
export type SessionResponse =
  | {
      readonly kind: 'welcome';
      readonly device: string;
      readonly node: string;
      readonly site: string;
      readonly policy: AuditPolicyMessage;
      readonly stop: StopOrderMessage | null;
      readonly lastSequence: number;
    }
  | TimeMessage
  | { readonly kind: 'probe'; readonly request: number; readonly nonce: Uint8Array }
  | { readonly kind: 'readingsRequest'; readonly request: number }
  | OutcomeMessage
  | ({ readonly kind: 'stopOrder' } & StopOrderMessage)
  | { readonly kind: 'stopRelease'; readonly order: number }
  | { readonly kind: 'goingAway'; readonly reason: string };

/** Why a node does not do what it was asked: a reason of the closed list (./reasons.ts) and a sentence for the reader. */
export interface Refusal {
  readonly reason: string;
  readonly detail: string;
}
