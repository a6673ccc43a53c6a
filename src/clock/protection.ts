/** How questions to a source are protected: not at all, by a shared AES-CMAC key, or by NTS (nts/session.ts). */

import { appendMac, decodeNtp } from './core/ntp-packet.js';
import type { Exchange } from './core/verdict.js';
import { macIsGood, makeMac } from './mac.js';
import type { NtpKey } from './mac.js';

/** One question as it goes out, and the judge of what comes back for it. */
export interface ProtectedQuestion {
  readonly packet: Uint8Array;
  readonly authenticate: (datagram: Uint8Array) => Exchange['authentication'];
}

/** Puts protection around a 48-byte request. */
export type Protect = (request: Uint8Array) => ProtectedQuestion;

export const unprotected: Protect = (request) => ({ packet: request, authenticate: () => 'none' });

/** AES-CMAC over the whole request (RFC 8573). */
export function withKey(key: NtpKey): Protect {
  return (request) => ({
    packet: appendMac(request, makeMac(key, request)),
    authenticate: (datagram) => {
      const decoded = decodeNtp(datagram);
      return decoded.ok && macIsGood(key, decoded.covered, decoded.mac) ? 'good' : 'bad';
    },
  });
}
