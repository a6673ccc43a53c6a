/** A simulated network between nodes: latency, loss, duplication, reordering, one-way cuts, clogged links. */
import type { Lane } from '../../src/raft/transport.js';
import type { PeerMessageKind, PeerNetwork } from '../../src/node/environment.js';
import type { Prng } from './prng.js';
import type { Scheduler } from './scheduler.js';

export interface NetworkFaults {
  /** Probability that a message is lost, or delivered twice. */
  loss: number;
  duplication: number;
  /** Longest one-way delay, ns. */
  maxDelay: bigint;
}

type Handler = (from: string, kind: PeerMessageKind, bytes: Uint8Array) => void;

export class SimulatedNetwork {
  readonly faults: NetworkFaults = { loss: 0, duplication: 0, maxDelay: 1_000_000n };
  /** Directed links that are cut: "from>to". */
  readonly cut = new Set<string>();
  delivered = 0;
  dropped = 0;
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #handlers = new Map<string, Handler>();
  readonly #lostHandlers = new Map<string, (peer: string) => void>();

  constructor(scheduler: Scheduler, prng: Prng) {
    this.#scheduler = scheduler;
    this.#prng = prng;
  }

  /** The network as one life of one node sees it. */
  attach(node: string, life: { readonly alive: boolean; readonly paused: () => boolean }): PeerNetwork {
    return {
      send: (to, _lane: Lane, kind, bytes) => {
        if (life.alive) this.#send(node, to, kind, bytes);
      },
      onMessage: (handler) => {
        this.#handlers.set(node, (from, kind, bytes) => {
          if (!life.alive) return;
          const deliver = (): void => {
            if (!life.alive) return;
            // A stopped process reads its sockets when it goes on.
            if (life.paused()) this.#scheduler.after(1_000_000n, deliver);
            else handler(from, kind, bytes);
          };
          deliver();
        });
      },
      onPeerLost: (handler) => {
        this.#lostHandlers.set(node, (peer) => {
          if (life.alive && !life.paused()) handler(peer);
        });
      },
    };
  }

  /** The process of a node died: its peers see their connections end. */
  died(node: string): void {
    for (const [peer, handler] of this.#lostHandlers) {
      if (peer !== node && !this.cut.has(`${node}>${peer}`))
        this.#scheduler.after(5_000_000n, () => handler(node));
    }
  }

  #send(from: string, to: string, kind: PeerMessageKind, bytes: Uint8Array): void {
    const copies = this.#prng.chance(this.faults.duplication) ? 2 : 1;
    for (let i = 0; i < copies; i += 1) {
      const delay = 100_000n + BigInt(Math.floor(this.#prng.float() * Number(this.faults.maxDelay)));
      if (this.cut.has(`${from}>${to}`) || this.#prng.chance(this.faults.loss)) {
        this.dropped += 1;
        continue;
      }
      this.#scheduler.after(delay, () => {
        this.delivered += 1;
        this.#handlers.get(to)?.(from, kind, bytes);
      });
    }
  }
}
