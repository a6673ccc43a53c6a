/**
 * One NTP question and its answer over UDP. Each question has its own connected socket on an ephemeral port (RFC 9109) and
 * its own random nonce, and is dead after the window.
 *
 * The stamps are what the promise rests on: m1 is read right before `send`, which on a connected socket hands the packet to
 * the kernel before it returns; m4 is the first statement of the message handler. Cryptography happens outside of them.
 */

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { decodeNtp, encodeRequest } from './core/ntp-packet.js';
import type { Exchange } from './core/verdict.js';
import { readMono } from './monotonic.js';
import type { Protect } from './protection.js';

/** Datagrams looked at for one question: forged ones must not shut out the true answer, nor keep us busy. */
const MAX_DATAGRAMS = 4;

export interface Question {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  readonly protect: Protect;
  readonly windowMs: number;
}

export interface ExchangeOutcome {
  /** Called for each datagram looked at; the last one may be the true answer. */
  readonly onAnswer: (exchange: Exchange) => void;
  /** Called once if the window closed, or the network refused, without an answer that belongs to the question. */
  readonly onSilence: () => void;
}

/** Whether the datagram can only come from someone who saw the question. */
function belongs(bytes: Uint8Array, nonce: bigint): boolean {
  const decoded = decodeNtp(bytes);
  return decoded.ok && decoded.packet.origin === nonce;
}

/** Asks once. The returned function abandons the question without a further call. */
export function ask(question: Question, outcome: ExchangeOutcome): () => void {
  const nonce = randomBytes(8).readBigUInt64BE();
  const { packet, authenticate } = question.protect(encodeRequest(nonce));
  const socket = createSocket(question.family === 6 ? 'udp6' : 'udp4');
  let open = true;
  let seen = 0;
  let m1 = readMono();

  const close = (): void => {
    if (!open) return;
    open = false;
    clearTimeout(deadline);
    socket.close();
  };
  const silence = (): void => {
    if (!open) return;
    close();
    outcome.onSilence();
  };
  const deadline = setTimeout(silence, question.windowMs);

  socket.on('message', (bytes) => {
    const m4 = readMono();
    if (!open) return;
    seen++;
    const authentication = authenticate(bytes);
    const final = belongs(bytes, nonce) && authentication !== 'bad';
    if (final) close();
    outcome.onAnswer({ m1, m4, nonce, bytes: new Uint8Array(bytes), authentication, firstAnswer: true });
    if (!final && seen >= MAX_DATAGRAMS) silence();
  });
  // Nobody listens there, or there is no route: the same as silence.
  socket.on('error', silence);
  socket.on('connect', () => {
    if (!open) return;
    m1 = readMono();
    socket.send(packet);
  });
  socket.bind(0, () => {
    if (open) socket.connect(question.port, question.address);
  });
  return close;
}
