/** Comparing clocks over the network: the datagram, the keys, and who gets an answer. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { PEER_PACKET_BYTES, decodePeerPacket, encodePeerPacket } from '../../src/clock/core/peer-packet.js';
import type { PeerPacket } from '../../src/clock/core/peer-packet.js';
import type { PeerExchange } from '../../src/clock/core/peer-relation.js';
import { DisruptionMarker, parseVmClock } from '../../src/clock/core/vmclock.js';
import { aesCmac } from '../../src/clock/mac.js';
import { readMono } from '../../src/clock/monotonic.js';
import { PeerKeyAgreement, decodeOffer, encodeOffer } from '../../src/clock/peer-keys.js';
import type { PeerKey } from '../../src/clock/peer-keys.js';
import { PeerSocket } from '../../src/clock/peer-socket.js';
import { monoNs, taiNs } from '../../src/time/types.js';
import { findPackageRoot } from '../../src/wire/package-root.js';
import { Random } from './random.js';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(findPackageRoot(), 'test/fixtures/formats/clock', name)));

const packet: PeerPacket = {
  kind: 'response',
  state: 'holdover',
  disputed: false,
  keyId: 0x01020304,
  number: 77n,
  nonce: 0xfedcba9876543210n,
  epoch: 12,
  ratePpb: -15_250,
  rhoPpb: 50_000,
  received: {
    mono: monoNs(5_000_000_000n),
    earliest: taiNs(1_795_478_437_000_000_000n),
    latest: taiNs(1_795_478_437_008_000_000n),
  },
  sent: {
    mono: monoNs(5_000_020_000n),
    earliest: taiNs(1_795_478_437_000_020_000n),
    latest: taiNs(1_795_478_437_008_020_000n),
  },
};
const goldenKey = Uint8Array.from({ length: 16 }, (_byte, i) => i);

function sealed(of: PeerPacket, key: Uint8Array): Uint8Array {
  const covered = encodePeerPacket(of);
  const bytes = new Uint8Array(PEER_PACKET_BYTES);
  bytes.set(covered);
  bytes.set(aesCmac(key, covered), covered.length);
  return bytes;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(reached: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!reached()) {
    if (performance.now() > deadline) throw new Error('not reached within 20 s');
    await sleep(5);
  }
}

// ---- the datagram --------------------------------------------------------------------------------------------------

test('the golden datagram and the golden offer', (t) => {
  t.deepEqual(decodePeerPacket(fixture('peer-packet')), packet);
  t.deepEqual(sealed(packet, goldenKey), fixture('peer-packet'));
  const offer = decodeOffer(fixture('peer-key-offer.cbor'));
  t.truthy(offer);
  t.deepEqual(encodeOffer(offer as NonNullable<typeof offer>), fixture('peer-key-offer.cbor'));
});

// ---- the keys ------------------------------------------------------------------------------------------------------

interface Party {
  readonly agreement: PeerKeyAgreement;
  keys: readonly PeerKey[];
  readonly sent: Uint8Array[];
}

/** Two nodes whose offers are lost with some probability. */
function pair(
  t: ExecutionContext,
  options: { loss?: () => boolean; rotateEveryMs?: number; cluster?: string } = {},
) {
  const parties = new Map<string, Party>();
  const make = (node: string, peer: string, cluster: string): Party => {
    const party: Party = {
      keys: [],
      sent: [],
      agreement: new PeerKeyAgreement({
        cluster,
        node,
        peers: [peer],
        ...(options.rotateEveryMs === undefined ? {} : { rotateEveryMs: options.rotateEveryMs }),
        send: (to, offer) => {
          party.sent.push(offer);
          if (options.loss?.() === true) return;
          setImmediate(() => parties.get(to)?.agreement.receive(node, offer));
        },
        onKeys: (_peer, keys) => {
          party.keys = keys;
        },
      }),
    };
    parties.set(node, party);
    t.teardown(() => party.agreement.close());
    return party;
  };
  return { a: make('a', 'b', 'c1.example'), b: make('b', 'a', options.cluster ?? 'c1.example') };
}

const agreed = ({ a, b }: { a: Party; b: Party }): boolean =>
  a.keys[0]?.shared === true && b.keys[0]?.shared === true && a.keys[0].id === b.keys[0].id;

test('two nodes agree on one key a direction, although half of the offers are lost; nothing secret is sent', async (t) => {
  const random = new Random(9);
  const both = pair(t, { loss: () => random.below(2) === 0 });
  await until(() => agreed(both));
  const { a, b } = both;
  t.deepEqual(a.keys[0]?.outgoing, b.keys[0]?.incoming);
  t.deepEqual(a.keys[0]?.incoming, b.keys[0]?.outgoing);
  t.notDeepEqual(a.keys[0]?.outgoing, a.keys[0]?.incoming, 'what is sent back is not taken for an answer');
  const sent = Buffer.concat([...a.sent, ...b.sent]);
  t.false(sent.includes(Buffer.from(a.keys[0]?.outgoing as Uint8Array)));
});

test('a new key every period, without a moment in which the two hold no common key', async (t) => {
  const both = pair(t, { rotateEveryMs: 400 });
  await until(() => agreed(both));
  const seen = new Set<number>();
  const end = performance.now() + 2_500;
  while (performance.now() < end) {
    const mine = both.a.keys.find(({ shared }) => shared);
    t.true(both.b.keys.some(({ id }) => id === mine?.id));
    if (mine !== undefined) seen.add(mine.id);
    await sleep(20);
  }
  t.true(seen.size >= 3, `${seen.size} keys`);
});

test('the keys belong to the cluster, and a point off the curve gives none', async (t) => {
  const strangers = pair(t, { cluster: 'c2.example' });
  await until(() => strangers.a.keys.length > 0 && strangers.b.keys.length > 0);
  t.not(strangers.a.keys[0]?.id, strangers.b.keys[0]?.id);
  const lonely = pair(t, { loss: () => true });
  const bad = new Uint8Array(65).fill(7);
  bad[0] = 4;
  lonely.a.agreement.receive('b', encodeOffer({ key: bad, have: new Uint8Array(0) }));
  lonely.a.agreement.receive('nobody', fixture('peer-key-offer.cbor'));
  t.deepEqual(lonely.a.keys, []);
});

test('10^5 random and mutated offers: no throw', (t) => {
  const random = new Random(6);
  const good = fixture('peer-key-offer.cbor');
  for (let i = 0; i < 100_000; i++) {
    const mutated = good.slice(0, random.below(good.length + 1));
    if (mutated.length > 0) mutated[random.below(mutated.length)] = random.below(256);
    decodeOffer(mutated);
  }
  t.is(decodeOffer(new Uint8Array(0)), null);
});

// ---- the socket ----------------------------------------------------------------------------------------------------

const key: PeerKey = { id: 5, outgoing: randomBytes(16), incoming: randomBytes(16), shared: true };
const mirrored: PeerKey = { ...key, outgoing: key.incoming, incoming: key.outgoing };

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

interface Node {
  readonly socket: PeerSocket;
  readonly port: number;
  readonly answers: { readonly round: number; readonly exchange: PeerExchange }[];
}

/** A clock that says: TAI = mono + offset ± 1 ms. */
async function node(t: ExecutionContext, offset: bigint, peerPort?: number): Promise<Node> {
  const port = await freePort();
  const answers: Node['answers'] = [];
  const socket = new PeerSocket({
    host: '127.0.0.1',
    port,
    peers: peerPort === undefined ? [] : [{ name: 'b', host: '127.0.0.1', port: peerPort }],
    stampAt: (mono) => ({
      mono,
      earliest: taiNs(mono + offset - 1_000_000n),
      latest: taiNs(mono + offset + 1_000_000n),
    }),
    standing: () => ({ state: 'synchronised', disputed: false, epoch: 3, ratePpb: -7n, rhoPpb: 15_000n }),
    onAnswer: (_peer, round, exchange) => answers.push({ round, exchange }),
    onFailure: (detail) => t.fail(detail),
  });
  t.teardown(() => socket.close());
  return { socket, port, answers };
}

test('an exchange brackets the difference of the two clocks, whatever the host was doing', async (t) => {
  const b = await node(t, 5_000_000n);
  const a = await node(t, 0n, b.port);
  a.socket.setKeys('b', [key]);
  b.socket.setKeys('a', [mirrored]);
  for (let round = 1; round <= 40; round++) {
    a.socket.ask(round, ['b']);
    await sleep(2);
  }
  await until(() => a.answers.length >= 30);
  for (const { exchange } of a.answers) {
    const { m1, m4, received, sent } = exchange;
    t.true(m1 <= received.mono && received.mono <= sent.mono && sent.mono <= m4, 'one host, one oscillator');
    t.true(sent.earliest - m4 <= 5_000_000n && received.latest - m1 >= 5_000_000n);
    t.is(exchange.epoch, 3);
    t.is(exchange.ratePpb, -7n);
  }
});

async function receiver(t: ExecutionContext): Promise<{ socket: Socket; got: Uint8Array[] }> {
  const socket = createSocket('udp4');
  const got: Uint8Array[] = [];
  socket.on('message', (bytes) => got.push(new Uint8Array(bytes)));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  t.teardown(() => socket.close());
  return { socket, got };
}

test('only an authentic question that was not seen before is answered; an answer is no question', async (t) => {
  const b = await node(t, 0n);
  b.socket.setKeys('a', [mirrored]);
  const { socket, got } = await receiver(t);
  const ask = (bytes: Uint8Array): void => {
    socket.send(bytes, b.port, '127.0.0.1');
  };
  const question = (number: bigint, change: Partial<PeerPacket> = {}): PeerPacket => ({
    ...packet,
    kind: 'request',
    keyId: key.id,
    number,
    nonce: number,
    ...change,
  });
  ask(sealed(question(1n), randomBytes(16)));
  ask(sealed(question(2n, { keyId: 99 }), key.outgoing));
  ask(sealed(question(3n), key.incoming));
  ask(sealed(question(4n), key.outgoing).slice(0, 100));
  ask(sealed(question(5n, { kind: 'response' }), key.outgoing));
  const good = sealed(question(6n), key.outgoing);
  ask(good);
  await until(() => got.length === 1);
  ask(good);
  ask(sealed(question(80n), key.outgoing));
  ask(sealed(question(79n), key.outgoing));
  ask(sealed(question(16n), key.outgoing));
  ask(sealed(question(79n), key.outgoing));
  ask(sealed(question(81n), key.outgoing));
  await until(() => got.some((bytes) => decodePeerPacket(bytes)?.nonce === 81n));
  t.deepEqual(
    got.map((bytes) => decodePeerPacket(bytes)?.nonce).sort(),
    [6n, 79n, 80n, 81n],
    'forged, cut, reflected, replayed and too old ones are not',
  );
  t.true(
    got.every((bytes) => bytes.length === PEER_PACKET_BYTES),
    'no answer is larger than its question',
  );
});

test('an answer counts once, to its own question, and not after a second', async (t) => {
  const { socket, got } = await receiver(t);
  const a = await node(t, 0n, socket.address().port);
  a.socket.setKeys('b', [key]);
  const answer = (number: bigint, nonce: bigint): void => {
    const sent = { ...packet.sent, mono: readMono() };
    socket.send(sealed({ ...packet, keyId: key.id, number, nonce, sent }, key.incoming), a.port, '127.0.0.1');
  };
  a.socket.ask(1, ['b']);
  await until(() => got.length === 1);
  const nonce = decodePeerPacket(got[0] as Uint8Array)?.nonce as bigint;
  answer(1n, nonce + 1n);
  answer(2n, nonce);
  answer(3n, nonce);
  await until(() => a.answers.length > 0);
  await sleep(1_100);
  t.is(a.answers.length, 1);
  a.socket.ask(2, ['b']);
  await until(() => got.length === 2);
  const late = decodePeerPacket(got[1] as Uint8Array)?.nonce as bigint;
  await sleep(1_100);
  a.socket.ask(3, ['b']);
  answer(4n, late);
  await sleep(100);
  t.is(a.answers.length, 1);
});

// ---- VMClock -------------------------------------------------------------------------------------------------------

function vmclock(fields: {
  magic?: number;
  size?: number;
  version?: number;
  sequence?: number;
  marker?: bigint;
}): Uint8Array {
  const bytes = new Uint8Array(0x70);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, fields.magic ?? 0x4b4c4356, true);
  view.setUint32(4, fields.size ?? 4096, true);
  view.setUint16(8, fields.version ?? 1, true);
  view.setUint32(12, fields.sequence ?? 2, true);
  view.setBigUint64(16, fields.marker ?? 1n, true);
  return bytes;
}

test('VMClock: the marker counts, and only between two looks that belong together', (t) => {
  t.deepEqual(parseVmClock(fixture('vmclock')), { kind: 'stable', sequence: 4, marker: 0x1122334455667788n });
  t.is(parseVmClock(vmclock({ magic: 1 })).kind, 'unusable');
  t.is(parseVmClock(vmclock({ version: 2 })).kind, 'unusable');
  t.is(parseVmClock(vmclock({ size: 8 })).kind, 'unusable');
  t.is(parseVmClock(vmclock({ sequence: 3 })).kind, 'changing');
  const marker = new DisruptionMarker();
  const look = (first: Uint8Array, second = first): string | null =>
    marker.look(parseVmClock(first), parseVmClock(second));
  t.is(look(vmclock({ marker: 7n })), null, 'the first look has nothing to compare with');
  t.is(look(vmclock({ marker: 7n, sequence: 8 })), null, 'an update that disrupts nothing');
  t.is(look(vmclock({ marker: 9n, sequence: 9 })), null, 'being written');
  t.is(
    look(vmclock({ marker: 9n, sequence: 8 }), vmclock({ marker: 9n, sequence: 10 })),
    null,
    'written between the looks',
  );
  t.regex(look(vmclock({ marker: 9n, sequence: 10 })) ?? '', /from 7 to 9/);
  t.is(look(vmclock({ marker: 9n, sequence: 12 })), null);
});
