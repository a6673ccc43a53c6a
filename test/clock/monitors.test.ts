/** Roles: references alone steer; monitors only make an abnormal reference known. */
import test from 'ava';
import { verdictOf } from '../../src/clock/core/monitors.js';
import type { MonitorVerdict, MonitorView } from '../../src/clock/core/monitors.js';
import { encodeNtp, ntpFromPosixNs, refidFromText } from '../../src/clock/core/ntp-packet.js';
import { posixNsFromTai } from '../../src/time/leap-table.js';
import { NS_PER_MS, NS_PER_S, monoNs } from '../../src/time/types.js';
import { SimulatedWorld } from './simulated-world.js';

const names = ['ptb', 'nist', 'npl'] as const;

function watched(authenticated: boolean): SimulatedWorld {
  const world = new SimulatedWorld({ seed: 21, monitors: names });
  for (const name of names) world.server(name).authenticated = authenticated;
  return world;
}

const codes = (world: SimulatedWorld): string[] =>
  world.events.flatMap((e) => (e.kind === 'anomaly' ? [e.code] : []));

test('monitors never steer: with them alone there is no time', (t) => {
  const world = watched(true);
  world.server().up = false;
  world.run(20n * NS_PER_S);
  t.is(world.reading().state, 'unsynchronised');
  t.is(world.reading().samples, 0);
  t.false(world.reading().unmonitored);
});

test('monitors never steer: whether one is right or 300 ms wrong, what is published is the same to the nanosecond', (t) => {
  const published = (error: bigint): string => {
    const world = new SimulatedWorld({ seed: 33, monitors: ['m'] });
    world.ratePpb = 11_000n;
    world.server('m').error = error;
    world.run(30n * NS_PER_S);
    t.is(world.reading().state, 'synchronised');
    t.is(codes(world).includes('referenceSuspected'), error !== 0n);
    return JSON.stringify(world.discipline.published(), (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
  };
  t.is(published(0n), published(300n * NS_PER_MS));
});

test('a monitor’s own comparison is told, with its role', (t) => {
  const world = watched(false);
  world.server('ptb').error = 2n * NS_PER_MS;
  world.run(10n * NS_PER_S);
  const told = world.events.filter((e) => e.kind === 'comparison' && e.source === 'ptb');
  t.true(told.length > 5);
  for (const event of told) {
    if (event.kind !== 'comparison') continue;
    t.is(event.role, 'monitor');
    t.is(event.sample, 0);
    // TAA − monitor = −2 ms within what is stated.
    t.true(
      event.offset - event.uncertainty <= -2n * NS_PER_MS &&
        event.offset + event.uncertainty >= -2n * NS_PER_MS,
    );
  }
});

test('unmonitored is what a reading says when no monitor was heard lately', (t) => {
  const world = watched(true);
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  world.run(2n * NS_PER_S);
  t.false(world.reading().unmonitored);
  for (const name of names) world.server(name).up = false;
  world.run(10n * NS_PER_S);
  t.true(world.reading().unmonitored);
});

test('the reference looks wrong to three authenticated monitors that agree: confirmed, and the clock is quarantined', (t) => {
  const world = watched(true);
  // They agree with each other, not with the reference: the reference is 50 ms off, from the start, in silence.
  world.server().error = 50n * NS_PER_MS;
  t.true(world.runUntil(() => codes(world).includes('referenceConfirmed')));
  t.is(world.reading().state, 'quarantined');
  const reason = world.events.find((e) => e.kind === 'transition' && e.to === 'quarantined');
  t.is(reason?.kind === 'transition' ? reason.reason : '', 'referenceAnomaly');
});

test('unauthenticated monitors, or two, or three that do not agree, raise suspicion and nothing more', (t) => {
  const cases: [string, (world: SimulatedWorld) => void][] = [
    ['unauthenticated', (world) => names.forEach((name) => (world.server(name).authenticated = false))],
    ['two', (world) => (world.server('npl').error = 50n * NS_PER_MS)],
    [
      'not agreeing',
      (world) => {
        world.server('nist').error = 100n * NS_PER_MS;
        world.server('npl').error = 200n * NS_PER_MS;
      },
    ],
  ];
  for (const [name, arrange] of cases) {
    const world = watched(true);
    world.server().error = 50n * NS_PER_MS;
    arrange(world);
    world.run(30n * NS_PER_S);
    t.true(codes(world).includes('referenceSuspected'), name);
    t.false(codes(world).includes('referenceConfirmed'), name);
    t.is(world.reading().state, 'synchronised', name);
  }
});

test('suspicion is told once, and once more when it has passed', (t) => {
  const world = watched(true);
  world.server('ptb').error = 90n * NS_PER_MS;
  world.run(10n * NS_PER_S);
  world.server('ptb').error = 0n;
  world.run(5n * NS_PER_S);
  t.deepEqual(codes(world), ['referenceSuspected', 'referenceCleared']);
});

test('a reference that demands to be asked less is asked less, and a denial ends the questions', (t) => {
  const world = new SimulatedWorld({ seed: 2 });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  const server = world.server();
  server.stratum = 0;
  server.refid = 'RATE';
  world.run(NS_PER_S);
  const slowed = world.events.filter((e) => e.kind === 'kod').length;
  t.true(slowed >= 1 && slowed <= 4, `${slowed} answers within a second`);
  server.refid = 'DENY';
  t.true(world.runUntil(() => world.events.some((e) => e.kind === 'kod' && e.code === 'DENY')));
  const asked = world.events.length;
  world.run(60n * NS_PER_S);
  t.is(world.events.slice(asked).filter((e) => e.kind === 'kod' || e.kind === 'sampleRejected').length, 0);
  t.is(world.discipline.memory().sources['nict']?.backOff.notBefore['192.0.2.1'] !== undefined, true);
});

test('a suspend of the host disrupts at once; a stepped wall clock is only told', (t) => {
  const world = new SimulatedWorld({ seed: 2 });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  world.input({ kind: 'wallStepped', byNs: 5n });
  t.is(world.reading().state, 'synchronised');
  t.deepEqual(codes(world), ['wallClockStepped']);
  world.input({ kind: 'suspended', forNs: 2n * NS_PER_S });
  t.is(world.reading().state, 'disrupted');
  t.is(world.discipline.published().known, null);
});

test('an exchange during which the host slept says nothing about the time after', (t) => {
  const world = new SimulatedWorld({ seed: 2 });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  world.server().up = false;
  const m1 = world.mono;
  world.run(2n * NS_PER_MS);
  const stamp = ntpFromPosixNs(posixNsFromTai(world.truth, world.table));
  const answer = encodeNtp({
    leap: 0,
    version: 4,
    mode: 4,
    stratum: 1,
    poll: 0,
    precision: -29,
    rootDelay: 0,
    rootDispersion: 1,
    refid: refidFromText('NICT'),
    reference: stamp,
    origin: 7n,
    receive: stamp,
    transmit: stamp,
  });
  // The server has answered; the host sleeps while the answer is on its way.
  world.pause(2n * NS_PER_S);
  world.input({ kind: 'suspended', forNs: 2n * NS_PER_S });
  world.run(2n * NS_PER_MS);
  const unanswered = world.discipline.sourceStatus()[0]?.unanswered ?? 0;
  world.input({
    kind: 'answer',
    source: 'nict',
    address: '192.0.2.1',
    exchange: { m1, m4: world.mono, nonce: 7n, bytes: answer, authentication: 'none', firstAnswer: true },
  });
  t.is(world.discipline.published().known, null);
  t.is(world.discipline.sourceStatus()[0]?.unanswered, unanswered + 1);
  world.server().up = true;
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  const { earliest, latest } = world.reading();
  t.true(earliest <= world.truth && world.truth <= latest);
});

test('an oscillator that runs 300 ppm off is called absurd and waits for an operator', (t) => {
  const world = new SimulatedWorld({
    seed: 6,
    profile: { rhoColdPpb: 1_000_000n, rhoFloorPpb: 500_000n },
    limits: { syncNs: 50n * NS_PER_MS, holdNs: 100n * NS_PER_MS },
  });
  world.ratePpb = 300_000n;
  world.server().path = () => ({ there: 10_000n, back: 10_000n });
  t.true(
    world.runUntil(() => world.events.some((e) => e.kind === 'transition' && e.reason === 'excessRate')),
  );
  world.run(10n * NS_PER_S);
  t.is(world.reading().state, 'outOfTolerance');
  world.ratePpb = 10_000n;
  world.input({ kind: 'release', what: 'latch', number: 1 });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
});

test('a budget that is used up is told once, and polling waits', (t) => {
  const world = new SimulatedWorld({
    seed: 6,
    profile: { budgetPerHour: 60, budgetBurst: 20, budgetStartReserve: 4, pollNs: 100n * NS_PER_MS },
  });
  world.run(300n * NS_PER_S);
  const asked = 20 - (world.discipline.sourceStatus()[0]?.questionsLeft ?? 0);
  t.is(codes(world)[0], 'budgetExhausted');
  t.true(asked > 0);
  const answers = world.events.filter((e) => e.kind === 'comparison').length;
  t.true(answers <= 20 + 6, `${answers} answers in five minutes`);
});

test('three votes of three operators confirm; of two operators, of two rounds, or unauthenticated they do not', (t) => {
  const view = (name: string, part: Partial<MonitorView> = {}): MonitorView => ({
    name,
    operator: name,
    authenticated: true,
    says: { mono: monoNs(0n), lo: 0n, hi: 10n, ratePpb: 0n, rhoPpb: 0n },
    disagreements: 3,
    ...part,
  });
  const at = monoNs(5n);
  const elsewhere = { mono: monoNs(0n), lo: 100n, hi: 110n, ratePpb: 0n, rhoPpb: 0n };
  const cases: [string, readonly MonitorView[], MonitorVerdict][] = [
    ['nobody', [], 'none'],
    ['all agree with us', ['a', 'b', 'c'].map((name) => view(name, { disagreements: 0 })), 'none'],
    ['three', ['a', 'b', 'c'].map((name) => view(name)), 'confirmed'],
    ['one operator runs two of them', [view('a'), view('b', { operator: 'a' }), view('c')], 'suspected'],
    ['four of three operators', [view('a'), view('b', { operator: 'a' }), view('c'), view('d')], 'confirmed'],
    ['the third for two rounds only', [view('a'), view('b'), view('c', { disagreements: 2 })], 'suspected'],
    ['the third unauthenticated', [view('a'), view('b'), view('c', { authenticated: false })], 'suspected'],
    ['the third agrees with nobody', [view('a'), view('b'), view('c', { says: elsewhere })], 'suspected'],
  ];
  for (const [name, views, verdict] of cases) t.is(verdictOf(views, at), verdict, name);
});

test('a monitor that has fallen silent has no vote any more', (t) => {
  const world = watched(true);
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  world.server('npl').error = 50n * NS_PER_MS;
  world.run(5n * NS_PER_S);
  world.server('npl').up = false;
  world.run(20n * NS_PER_S);
  t.deepEqual(codes(world), ['referenceSuspected', 'referenceCleared']);
  for (const name of ['ptb', 'nist']) world.server(name).error = 50n * NS_PER_MS;
  world.run(20n * NS_PER_S);
  t.false(codes(world).includes('referenceConfirmed'), 'two that speak and one that spoke');
});
