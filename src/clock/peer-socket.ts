/**
 * The UDP socket by which a node asks its peers for their clocks and answers them, in the clock's own thread.
 *
 * Every datagram carries AES-CMAC under a key of that pair and that direction (peer-keys.ts); a number that counts up under
 * the key, so that a replayed one is dropped; and a random nonce that ties an answer to one question. Nothing that fails
 * any of these has an effect, and nothing is ever sent to whoever did not prove to hold the key.
 *
 * The stamps are what the comparison rests on: `received` is read first thing when a question has arrived, `sent` before
 * its answer leaves, m1 right before the question leaves, m4 first thing when the answer has arrived.
 */

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import {
  PEER_PACKET_BYTES,
  PEER_PACKET_COVERED,
  ZERO_STAMP,
  decodePeerPacket,
  encodePeerPacket,
} from './core/peer-packet.js';
import type { PeerPacket, PeerStamp } from './core/peer-packet.js';
import type { PeerExchange } from './core/peer-relation.js';
import type { MonoNs } from '../time/types.js';
import { aesCmac } from './mac.js';
import { readMono } from './monotonic.js';
import type { PeerKey } from './peer-keys.js';

/** A question without an answer is forgotten after this: a later answer says nothing. */
const QUESTION_LIFE_NS = 1_000_000_000n;
/** How far behind the newest number of a key a datagram may be overtaken. */
const REPLAY_WINDOW = 64n;
const REBIND_MS = 5_000;
const LOOK_UP_AGAIN_MS = 3_600_000;
const MAX_PPB = 2 ** 31 - 1;

export interface PeerSocketOptions {
  readonly host: string;
  /** UDP. */
  readonly port: number;
  /** Where the peers are: host names are looked up. UDP. */
  readonly peers: readonly { readonly name: string; readonly host: string; readonly port: number }[];
  /** This node's clock. */
  readonly stampAt: (mono: MonoNs) => PeerStamp;
  readonly standing: () => Pick<PeerExchange, 'state' | 'disputed' | 'epoch' | 'ratePpb' | 'rhoPpb'>;
  readonly onAnswer: (peer: string, round: number, exchange: PeerExchange) => void;
  /** The socket could not be bound or was lost; it is tried again. */
  readonly onFailure: (detail: string) => void;
}

/** One key as it is being used: what was sent and seen under it. */
class KeyUse {
  readonly key: PeerKey;
  #sent = 0n;
  #newest = 0n;
  /** Bit n: number newest − n was seen. */
  #seen = 0n;

  constructor(key: PeerKey) {
    this.key = key;
  }

  nextNumber(): bigint {
    this.#sent++;
    return this.#sent;
  }

  /** False for a number that was seen before or is too old to tell. Only authentic datagrams come here. */
  isNew(number: bigint): boolean {
    if (number > this.#newest) {
      const ahead = number - this.#newest;
      this.#seen =
        ahead >= REPLAY_WINDOW ? 1n : BigInt.asUintN(Number(REPLAY_WINDOW), (this.#seen << ahead) | 1n);
      this.#newest = number;
      return true;
    }
    const behind = this.#newest - number;
    if (behind >= REPLAY_WINDOW || (this.#seen >> behind) % 2n === 1n) return false;
    this.#seen |= 1n << behind;
    return true;
  }
}

interface Question {
  readonly peer: string;
  readonly round: number;
  readonly m1: MonoNs;
}

export class PeerSocket {
  readonly #options: PeerSocketOptions;
  readonly #keys = new Map<string, readonly KeyUse[]>();
  readonly #addresses = new Map<string, { readonly address: string; readonly port: number }>();
  readonly #questions = new Map<bigint, Question>();
  #socket: Socket | null = null;
  #rebind: NodeJS.Timeout | null = null;
  readonly #lookups = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(options: PeerSocketOptions) {
    this.#options = options;
    this.#bind();
    for (const { name, host, port } of options.peers) void this.#follow(name, host, port);
  }

  /** Newest first. The first one that the peer has too is used to ask; all of them are accepted. */
  setKeys(peer: string, keys: readonly PeerKey[]): void {
    const before = this.#keys.get(peer) ?? [];
    this.#keys.set(
      peer,
      keys.map((key) => {
        const known = before.find((use) => use.key.id === key.id);
        return known === undefined ? new KeyUse(key) : Object.assign(known, { key });
      }),
    );
  }

  ask(round: number, peers: readonly string[]): void {
    this.#forgetOld();
    for (const peer of peers) {
      const use = this.#keys.get(peer)?.find(({ key }) => key.shared);
      const to = this.#addresses.get(peer);
      if (use === undefined || to === undefined || this.#socket === null) continue;
      const nonce = randomBytes(8).readBigUInt64BE();
      const bytes = this.#sealed(use, {
        kind: 'request',
        nonce,
        received: ZERO_STAMP,
        sent: this.#options.stampAt(readMono()),
      });
      this.#questions.set(nonce, { peer, round, m1: readMono() });
      this.#send(bytes, to.address, to.port);
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#rebind !== null) clearTimeout(this.#rebind);
    for (const timer of this.#lookups) clearTimeout(timer);
    this.#socket?.close();
    this.#socket = null;
  }

  /** The address of a peer, looked up every hour; one that was found before is kept while the name server fails. */
  async #follow(peer: string, host: string, port: number): Promise<void> {
    let again = LOOK_UP_AGAIN_MS;
    try {
      const { address } = isIP(host) === 0 ? await lookup(host) : { address: host };
      this.#addresses.set(peer, { address, port });
    } catch {
      again = REBIND_MS;
    }
    if (this.#closed || isIP(host) !== 0) return;
    const timer = setTimeout(() => {
      this.#lookups.delete(timer);
      void this.#follow(peer, host, port);
    }, again);
    this.#lookups.add(timer);
  }

  #bind(): void {
    this.#rebind = null;
    const { host, port } = this.#options;
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    socket.on('error', (error) => {
      socket.close();
      if (this.#closed || this.#socket === null || this.#socket !== socket) return;
      this.#socket = null;
      this.#options.onFailure(`UDP ${host}:${port}: ${error.message}`);
      this.#rebind = setTimeout(() => this.#bind(), REBIND_MS);
    });
    socket.on('message', (bytes, from) => this.#received(readMono(), bytes, from));
    this.#socket = socket;
    socket.bind({ address: host, port });
  }

  #received(arrived: MonoNs, bytes: Uint8Array, from: RemoteInfo): void {
    const packet = decodePeerPacket(bytes);
    if (packet === null) return;
    const found = this.#authentic(packet, bytes);
    if (found === null || !found.use.isNew(packet.number)) return;
    switch (packet.kind) {
      case 'request':
        this.#answer(found.use, packet, arrived, from);
        return;
      case 'response':
        this.#answered(found.peer, packet, arrived);
    }
  }

  /** The pair whose key made the datagram; null if none did. */
  #authentic(packet: PeerPacket, bytes: Uint8Array): { peer: string; use: KeyUse } | null {
    for (const [peer, uses] of this.#keys) {
      for (const use of uses) {
        if (use.key.id !== packet.keyId) continue;
        const tag = aesCmac(use.key.incoming, bytes.subarray(0, PEER_PACKET_COVERED));
        if (timingSafeEqual(tag, bytes.subarray(PEER_PACKET_COVERED))) return { peer, use };
      }
    }
    return null;
  }

  #answer(use: KeyUse, question: PeerPacket, arrived: MonoNs, from: RemoteInfo): void {
    const { stampAt } = this.#options;
    const bytes = this.#sealed(use, {
      kind: 'response',
      nonce: question.nonce,
      received: stampAt(arrived),
      sent: stampAt(readMono()),
    });
    this.#send(bytes, from.address, from.port);
  }

  #answered(peer: string, { nonce, ...packet }: PeerPacket, m4: MonoNs): void {
    const question = this.#questions.get(nonce);
    if (question?.peer !== peer) return;
    this.#questions.delete(nonce);
    const { received, sent, state, disputed, epoch } = packet;
    this.#options.onAnswer(peer, question.round, {
      m1: question.m1,
      m4,
      received,
      sent,
      state,
      disputed,
      epoch,
      ratePpb: BigInt(packet.ratePpb),
      rhoPpb: BigInt(packet.rhoPpb),
    });
  }

  #sealed(use: KeyUse, part: Pick<PeerPacket, 'kind' | 'nonce' | 'received' | 'sent'>): Uint8Array {
    const { state, disputed, epoch, ratePpb, rhoPpb } = this.#options.standing();
    const covered = encodePeerPacket({
      ...part,
      state,
      disputed,
      keyId: use.key.id,
      number: use.nextNumber(),
      epoch,
      ratePpb: Number(ratePpb),
      rhoPpb: Math.min(Number(rhoPpb), MAX_PPB),
    });
    const bytes = new Uint8Array(PEER_PACKET_BYTES);
    bytes.set(covered);
    bytes.set(aesCmac(use.key.outgoing, covered), PEER_PACKET_COVERED);
    return bytes;
  }

  #send(bytes: Uint8Array, address: string, port: number): void {
    // What the network refuses is a lost datagram.
    this.#socket?.send(bytes, port, address, () => undefined);
  }

  #forgetOld(): void {
    const now = readMono();
    for (const [nonce, { m1 }] of this.#questions) {
      if (now - m1 > QUESTION_LIFE_NS) this.#questions.delete(nonce);
    }
  }
}
