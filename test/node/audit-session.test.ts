/** The node's side of a session, alone: what it says when the world changes under a measurement, or under the client. */
import test from 'ava';
import type { Device } from '../../src/authority/model.js';
import { AuditSession } from '../../src/node/core/audit-session.js';
import type { SessionContext } from '../../src/node/core/audit-session.js';
import type { ClockReading } from '../../src/time/types.js';
import { monoNs, taiNs } from '../../src/time/types.js';
import type { SessionResponse } from '../../src/wire/messages.js';

const device: Device = {
  id: 'd1',
  subscriber: 's1',
  identity: 'taa://c/client/tsa',
  credentials: [],
  policy: {},
  stop: null,
  lastSequence: 0,
};

/** A live session whose clock is what `clock` says; everything that it sends. */
function liveSession(clock: { taiMinusUtc: number; epoch: number }) {
  const said: SessionResponse[] = [];
  let now = 0n;
  const reading = (): ClockReading => ({
    earliest: taiNs(0n),
    best: taiNs(1n),
    latest: taiNs(2n),
    mono: monoNs(0n),
    state: 'synchronised',
    samples: 9,
    rhoPpb: 0,
    leap: 'none',
    unmonitored: false,
    peers: 'unknown',
    peerRounds: 0,
    ...clock,
  });
  const unused = (): never => {
    throw new Error('not in this story');
  };
  const context: SessionContext = {
    cluster: 'c',
    node: 'n',
    site: 's',
    run: new Uint8Array(16),
    mono: () => monoNs((now += 1_000_000_000n)),
    timers: { after: () => () => undefined },
    random: (length) => new Uint8Array(length).fill(said.length),
    clockReading: reading,
    measured: () => undefined,
    verifier: { verify: unused },
    mayMeasure: () => null,
    certified: () => true,
    device: () => device,
    auditOfRequest: () => undefined,
    policyMessage: () => ({}) as never,
    openSession: (_device, _session, _software, done) => done({ status: 'accepted', leaf: 1, raftIndex: 1 }),
    measure: unused,
    acknowledgeStop: unused,
    foresee: unused,
    outcome: unused,
    delivered: unused,
  };
  const session = new AuditSession(
    context,
    device,
    { spki: new Uint8Array(1), algorithm: 'ecdsa-p256-sha256' },
    (message) => said.push(message) > 0,
    unused,
  );
  session.receive({ kind: 'hello', session: new Uint8Array(16), software: 'x' });
  return { session, said };
}

function answerProbe({ session, said }: ReturnType<typeof liveSession>): void {
  const probe = said.at(-1);
  if (probe?.kind !== 'probe') throw new Error(`no probe, but ${probe?.kind ?? 'nothing'}`);
  session.receive({
    kind: 'probeReply',
    nonce: probe.nonce,
    received: taiNs(1n),
    transmitted: taiNs(1n),
    timescale: 'tai',
  });
}

for (const [what, change, reason] of [
  ['a leap second', { taiMinusUtc: 38 }, 'NEAR_LEAP_SECOND'],
  ['a new epoch of the clock', { epoch: 2 }, 'CLOCK_DISRUPTED'],
] as const) {
  test(`${what} between two readings of one measurement gives it up: measure again`, (t) => {
    const clock = { taiMinusUtc: 37, epoch: 1 };
    const live = liveSession(clock);
    live.session.receive({ kind: 'auditRequest', request: 1 });
    answerProbe(live);
    Object.assign(clock, change);
    answerProbe(live);
    const outcome = live.said.at(-1);
    t.true(outcome?.kind === 'outcome' && outcome.verdict === 'inconclusive' && outcome.reason === reason);
    live.session.receive({ kind: 'auditRequest', request: 2 });
    t.is(live.said.at(-1)?.kind, 'probe', 'it may be asked again');
  });
}

test('a release names the order that it lifts, so that it cannot lift another', (t) => {
  const { session, said } = liveSession({ taiMinusUtc: 37, epoch: 1 });
  session.applied({ kind: 'stopReleased', device, order: 41 });
  t.deepEqual(said.at(-1), { kind: 'stopRelease', order: 41 });
  session.applied({ kind: 'stopReleased', device: { ...device, id: 'd2' }, order: 42 });
  t.is(said.length, 2, 'nor does it concern another device');
});
