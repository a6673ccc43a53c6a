/** Questions to a chronyd over its command port: UDP, read-only, one connected socket for one look. */

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { decodeChronydReply, encodeChronydRequest } from '../core/chronyd-packets.js';
import type {
  ChronydReply,
  ChronydRequest,
  ChronydSource,
  ChronydTracking,
} from '../core/chronyd-packets.js';
import { readMono } from '../monotonic.js';
import type { MonoNs } from '../../time/types.js';

/** Sources looked at in search of the selected one. */
const MAX_SOURCES = 64;

export interface ChronydView {
  readonly tracking: ChronydTracking;
  /** The source that it has selected, null if there is none. */
  readonly selected: ChronydSource | null;
  /** Around the request for `tracking`. */
  readonly m1: MonoNs;
  readonly m4: MonoNs;
}

interface Timed<T> {
  readonly reply: T;
  readonly m1: MonoNs;
  readonly m4: MonoNs;
}

type ReplyTo<K extends ChronydRequest['kind']> = Extract<ChronydReply, { kind: K }>;

class Conversation {
  readonly #socket = createSocket('udp4');
  readonly #deadline: NodeJS.Timeout;
  #waiting: {
    kind: ChronydRequest['kind'];
    sequence: number;
    settle: (timed: Timed<ChronydReply> | Error) => void;
  } | null = null;
  #m1 = readMono();
  #ended: Error | null = null;

  constructor(windowMs: number) {
    this.#socket.on('message', (bytes) => this.#receive(bytes));
    this.#socket.on('error', (error) => this.end(error));
    this.#deadline = setTimeout(() => this.end(new Error('no answer in time')), windowMs);
  }

  open(address: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once('connect', resolve);
      this.#socket.once('close', () => reject(this.#ended ?? new Error('closed')));
      this.#socket.connect(port, address);
    });
  }

  async ask<K extends ChronydRequest['kind']>(
    request: ChronydRequest & { kind: K },
  ): Promise<Timed<ReplyTo<K>>> {
    const sequence = randomInt(2 ** 32);
    const packet = encodeChronydRequest(request, sequence);
    const outcome = await new Promise<Timed<ChronydReply> | Error>((settle) => {
      if (this.#ended !== null) {
        settle(this.#ended);
        return;
      }
      this.#waiting = { kind: request.kind, sequence, settle };
      this.#m1 = readMono();
      this.#socket.send(packet);
    });
    if (outcome instanceof Error) throw outcome;
    return outcome as Timed<ReplyTo<K>>;
  }

  end(reason: Error): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    clearTimeout(this.#deadline);
    this.#socket.close();
    this.#waiting?.settle(reason);
  }

  #receive(bytes: Uint8Array): void {
    const m4 = readMono();
    const waiting = this.#waiting;
    if (waiting === null) return;
    const decoded = decodeChronydReply(bytes, waiting.kind);
    if (!decoded.ok) {
      if (decoded.reason === 'refused' || decoded.reason === 'otherVersion') {
        this.#waiting = null;
        waiting.settle(new Error(`chronyd answers, but not this question (${decoded.reason})`));
      }
      return;
    }
    if (decoded.sequence !== waiting.sequence) return;
    this.#waiting = null;
    waiting.settle({ reply: decoded.reply, m1: this.#m1, m4 });
  }
}

async function selectedSource(conversation: Conversation): Promise<ChronydSource | null> {
  const { reply } = await conversation.ask({ kind: 'sourceCount' });
  for (let index = 0; index < Math.min(reply.count, MAX_SOURCES); index++) {
    const source = await conversation.ask({ kind: 'sourceData', index });
    if (source.reply.selected) return source.reply;
  }
  return null;
}

export interface ChronydQuery {
  /** Resolves with what chronyd says, rejects with the reason if it says nothing within the window. */
  readonly view: Promise<ChronydView>;
  abandon(): void;
}

/** One look at a chronyd. @param address an IPv4 address; chronyd listens for commands on 127.0.0.1 by default */
export function queryChronyd(address: string, port: number, windowMs: number): ChronydQuery {
  const conversation = new Conversation(windowMs);
  const look = async (): Promise<ChronydView> => {
    await conversation.open(address, port);
    const { reply: tracking, m1, m4 } = await conversation.ask({ kind: 'tracking' });
    return { tracking, m1, m4, selected: await selectedSource(conversation) };
  };
  const view = look().finally(() => conversation.end(new Error('done')));
  return { view, abandon: () => conversation.end(new Error('abandoned')) };
}
