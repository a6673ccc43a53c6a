/** What goes into the client's state machine, what comes out of it, and what it may read while it decides. */

import type { DurNs, TaiNs } from '../../time/types.js';
import type { OutcomeMessage, SessionRequest, SessionResponse } from '../../wire/messages.js';
import type { InterlockStatus, LocalClocks, Stop } from './interlock.js';
import type { QueryAnswer } from './time-queries.js';

/** A reading of the clock with which this TSA issues. */
export interface OwnReading {
  /** Unit: TAI ns. */
  readonly tai: TaiNs;
  /** `utc`: mapped to TAI by the TSA's own leap table; inconclusive within ±5 s of a leap second. */
  readonly timescale: 'tai' | 'utc';
}

/** Whose audit a receipt has to prove. */
export interface ReceiptClaim {
  readonly device: string;
  readonly sequence: number;
  /** What this client signed under that request: the measurement must rest on one of them. */
  readonly statements: readonly Uint8Array[];
}

export interface VerifiedCertificate {
  /** Opaque id of the audited device. */
  readonly device: string;
  /** Audit sequence number of the device, 1 … n. */
  readonly sequence: number;
  /** Leaf index of the measurement in the log: the certificate's serial number. */
  readonly serial: number;
  /** The node that measured and signed. */
  readonly node: string;
  /** When the clock was measured. Unit: TAI ns. */
  readonly measuredAt: TaiNs;
  /** End of its validity as evidence; the permission to issue ends much earlier. Unit: TAI ns. */
  readonly evidenceUntil: TaiNs;
  /** TSA − UTC(NICT) lies in [low, high]. */
  readonly low: DurNs;
  readonly high: DurNs;
  /** How long it permits to issue, counted from the request. Signed by the node. */
  readonly lease: DurNs;
  /** The receipt bundle, byte for byte as it came: what an auditor verifies offline. */
  readonly receipt: Uint8Array;
}

/** Readings and computations that the machine needs at once. None of them waits. */
export interface ClientPorts {
  readonly clocks: () => LocalClocks;
  /** Null while the TSA's clock cannot say the time. */
  readonly ownClock: () => OwnReading | null;
  /** Unpredictable bytes. */
  readonly random: (length: number) => Uint8Array;
  /** Signs with the key of the TLS certificate. */
  readonly sign: (statement: Uint8Array) => Uint8Array;
  /** @throws Error whose message says why the receipt is not believed */
  readonly verify: (receipt: Uint8Array, claim: ReceiptClaim) => VerifiedCertificate;
}

export interface LinkFailure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly cause?: unknown;
}

export type ClientEvent =
  | { readonly kind: 'tick' }
  | { readonly kind: 'received'; readonly link: number; readonly message: SessionResponse }
  /** The stream ended: with an error, or (null) because the node closed it. */
  | { readonly kind: 'linkLost'; readonly link: number; readonly failure: LinkFailure | null }
  | { readonly kind: 'stopStored'; readonly order: number }
  | { readonly kind: 'stopNotStored'; readonly order: number; readonly cause: unknown }
  | { readonly kind: 'certificateStored'; readonly certificate: VerifiedCertificate }
  | {
      readonly kind: 'certificateNotStored';
      readonly certificate: VerifiedCertificate;
      readonly cause: unknown;
    }
  /** A node answered outside of the session; how far away it is. */
  | { readonly kind: 'surveyed'; readonly node: string; readonly roundTrip: DurNs }
  | { readonly kind: 'close' };

export interface Verdict {
  readonly outcome: OutcomeMessage;
  readonly node: string;
}

/** What the program that embeds the SDK gets to know. */
export type ClientNotice =
  | { readonly kind: 'certificate'; readonly certificate: VerifiedCertificate }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'stop'; readonly stop: Stop | null }
  | { readonly kind: 'connection'; readonly connection: Connection }
  | { readonly kind: 'interlock'; readonly status: InterlockStatus }
  | { readonly kind: 'time'; readonly node: string; readonly answer: QueryAnswer }
  | {
      readonly kind: 'error';
      readonly code: string;
      readonly detail: string;
      readonly retryable: boolean;
      readonly cause?: unknown;
    };

export type Connection =
  | { readonly kind: 'connecting'; readonly node: string }
  | { readonly kind: 'connected'; readonly node: string; readonly site: string; readonly device: string }
  | { readonly kind: 'disconnected' };

/** Carried out in this order, each at once. */
export type ClientEffect =
  | { readonly kind: 'dial'; readonly link: number; readonly node: string }
  | { readonly kind: 'hangUp'; readonly link: number }
  | { readonly kind: 'send'; readonly link: number; readonly message: SessionRequest }
  /** Answered by `stopStored` once it is durable, or by `stopNotStored`. */
  | { readonly kind: 'storeStop'; readonly stop: Stop }
  | { readonly kind: 'clearStop' }
  /** Answered by `certificateStored` once it is durable, or by `certificateNotStored`. */
  | { readonly kind: 'storeCertificate'; readonly certificate: VerifiedCertificate }
  | { readonly kind: 'notify'; readonly notice: ClientNotice };
