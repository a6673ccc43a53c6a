/** How much one identity may take of a node. Beyond a limit a call ends with a reason; it never waits. */

export interface RpcLimits {
  /** Longest request on the client and administration listeners. Unit: bytes. */
  readonly maxMessageBytes: number;
  /** Longest request of the laboratory's append stream. Unit: bytes. */
  readonly maxLabMessageBytes: number;
  /** Open streams per identity, and of all identities together, per listener. */
  readonly streamsPerIdentity: number;
  readonly streams: number;
  /** Calls per identity and listener: sustained rate per second, and how many may come at once. */
  readonly callsPerSecond: number;
  readonly callBurst: number;
  /** Messages within one session: sustained rate per second, and how many may come at once. */
  readonly messagesPerSecond: number;
  readonly messageBurst: number;
  /** Time from opening a session to its Hello. Unit: ms. */
  readonly helloTimeoutMs: number;
  /** Messages that may wait for a client to read them, and for how long the oldest may. Unit of the latter: ms. */
  readonly maxUnreadMessages: number;
  readonly maxUnreadMs: number;
}

export const defaultLimits: RpcLimits = {
  maxMessageBytes: 1024 * 1024,
  maxLabMessageBytes: 4 * 1024 * 1024,
  streamsPerIdentity: 8,
  streams: 4_096,
  callsPerSecond: 200,
  callBurst: 400,
  messagesPerSecond: 200,
  messageBurst: 400,
  helloTimeoutMs: 5_000,
  maxUnreadMessages: 64,
  maxUnreadMs: 10_000,
};

/** A token bucket. `take` is false when the caller is too fast. Times in ms of any monotonic clock. */
export class RateMeter {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #last: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#last = now;
  }

  take(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#last) * this.#perMs);
    this.#last = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Nothing is remembered that a new meter would not start with. */
  isIdle(now: number): boolean {
    return this.#tokens + (now - this.#last) * this.#perMs >= this.#burst;
  }
}

/** Open streams and call rate of every identity on one listener. */
export class IdentityLimits {
  readonly #limits: RpcLimits;
  readonly #now: () => number;
  readonly #meters = new Map<string, RateMeter>();
  readonly #streams = new Map<string, number>();
  #open = 0;

  constructor(limits: RpcLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  get openStreams(): number {
    return this.#open;
  }

  mayCall(identity: string): boolean {
    const now = this.#now();
    let meter = this.#meters.get(identity);
    if (!meter) {
      if (this.#meters.size >= 1_024) this.#forgetIdle(now);
      meter = new RateMeter(this.#limits.callsPerSecond, this.#limits.callBurst, now);
      this.#meters.set(identity, meter);
    }
    return meter.take(now);
  }

  /** @returns the release, to be called once; null if there is no room */
  openStream(identity: string): (() => void) | null {
    const mine = this.#streams.get(identity) ?? 0;
    if (mine >= this.#limits.streamsPerIdentity || this.#open >= this.#limits.streams) return null;
    this.#streams.set(identity, mine + 1);
    this.#open += 1;
    return () => {
      this.#open -= 1;
      const left = (this.#streams.get(identity) ?? 1) - 1;
      if (left === 0) this.#streams.delete(identity);
      else this.#streams.set(identity, left);
    };
  }

  #forgetIdle(now: number): void {
    for (const [identity, meter] of this.#meters) if (meter.isIdle(now)) this.#meters.delete(identity);
  }
}
