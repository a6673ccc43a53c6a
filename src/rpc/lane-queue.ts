/**
 * What waits to be sent to one peer on one lane. Bounded in bytes and messages; counts what the stream below has taken
 * but not yet passed to the network, so that a stalled peer costs a known amount of memory.
 *
 * On the control lane the oldest is dropped: a newer heartbeat or vote makes it worthless. On the append lane the newest
 * is dropped: the follower acknowledges what it has, and the leader sends the rest again. So on the bulk lane, where the
 * asker asks again.
 */

export interface LaneQueueLimits {
  readonly maxBytes: number;
  readonly maxMessages: number;
  readonly drop: 'oldest' | 'newest';
}

export const laneLimits = {
  control: { maxBytes: 8 * 1024 * 1024, maxMessages: 4_096, drop: 'oldest' },
  append: { maxBytes: 64 * 1024 * 1024, maxMessages: 16_384, drop: 'newest' },
  bulk: { maxBytes: 64 * 1024 * 1024, maxMessages: 256, drop: 'newest' },
} as const satisfies Record<string, LaneQueueLimits>;

/**
 * Bytes handed to the stream below at a time. It passes on all that the window admits in one turn of the event loop; with
 * more at hand, a vote on the other lane would wait for it.
 */
const MAX_IN_FLIGHT = 256 * 1024;

/** The stream below, as grpc-js gives it. `sent` runs when the message has left for the network. */
export interface LaneSink {
  write(message: Buffer, sent: () => void): boolean;
}

const nothing = Buffer.alloc(0);

export class LaneQueue {
  readonly #sink: LaneSink;
  readonly #limits: LaneQueueLimits;
  readonly #later: (task: () => void) => void;
  #waiting: Buffer[] = [];
  /** Index of the oldest waiting message: `shift` on a long array would be linear. */
  #head = 0;
  #bytes = 0;
  #inFlight = 0;
  #closed = false;
  #dropped = 0;

  /** @param later runs a task after the event loop has looked at its sockets */
  constructor(sink: LaneSink, limits: LaneQueueLimits, later: (task: () => void) => void = setImmediate) {
    this.#sink = sink;
    this.#limits = limits;
    this.#later = later;
  }

  /** Bytes accepted and not yet passed to the network. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Messages dropped for want of room. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @returns false if this message was dropped */
  push(message: Buffer): boolean {
    if (this.#closed) return false;
    if (!this.#makeRoom(message.length)) {
      this.#dropped += 1;
      return false;
    }
    this.#bytes += message.length;
    this.#waiting.push(message);
    this.#flush();
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#head = 0;
  }

  #makeRoom(length: number): boolean {
    const fits = (): boolean =>
      this.#bytes + length <= this.#limits.maxBytes &&
      this.#waiting.length - this.#head < this.#limits.maxMessages;
    if (this.#limits.drop === 'oldest') {
      while (!fits()) {
        const oldest = this.#take();
        if (!oldest) return false;
        this.#bytes -= oldest.length;
        this.#dropped += 1;
      }
    }
    return fits();
  }

  #take(): Buffer | undefined {
    const message = this.#waiting[this.#head];
    if (message === undefined) return undefined;
    this.#waiting[this.#head] = nothing; // the taken message must not be kept alive
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return message;
  }

  /** Between two messages there is always room for one, however large. */
  #mayWrite(): boolean {
    return this.#inFlight < MAX_IN_FLIGHT && !this.#closed;
  }

  #write(message: Buffer): void {
    const { length } = message;
    this.#inFlight += length;
    this.#sink.write(message, () => {
      this.#inFlight -= length;
      this.#bytes -= length;
      // Not at once: a fast socket would take the whole backlog in one turn, and nothing else would be served meanwhile.
      if (this.#head < this.#waiting.length) this.#later(() => this.#flush());
    });
  }

  #flush(): void {
    while (this.#mayWrite()) {
      const message = this.#take();
      if (!message) return;
      this.#write(message);
    }
  }
}
