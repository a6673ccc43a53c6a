/** The interlock, one row for each way in which it must close, and what it takes to open it again. */

import test from 'ava';
import { Interlock, InterlockClosedError } from '../../src/sdk/core/interlock.js';
import type { ClosedCode, LocalClocks, StoredStop } from '../../src/sdk/core/interlock.js';
import { NS_PER_MS, NS_PER_S, durNs, monoNs } from '../../src/time/types.js';
import { Prng } from '../simulation/prng.js';

const LEASE = 3n * NS_PER_S;
const CADENCE = durNs(50n * NS_PER_MS);
const BOOT = 1_000n * NS_PER_S;

/** A machine whose monotonic clock, uptime and timers can be moved apart. */
class Machine {
  mono = 5n * NS_PER_S;
  uptime = BOOT;

  clocks(): LocalClocks {
    const truncated = (this.uptime / (10n * NS_PER_MS)) * (10n * NS_PER_MS);
    return { before: monoNs(this.mono), uptime: truncated, after: monoNs(this.mono + 20_000n) };
  }

  passes(ns: bigint): void {
    this.mono += ns;
    this.uptime += ns;
  }
}

class Story {
  readonly machine = new Machine();
  readonly interlock: Interlock;
  #sequence = 0;

  constructor(stored: StoredStop = { kind: 'none' }) {
    this.interlock = new Interlock(stored, this.machine.clocks());
  }

  /** Time passes in ticks, as it does in a process. */
  runs(ns: bigint): void {
    for (let left = ns; left > 0n; left -= CADENCE) {
      this.machine.passes(left < CADENCE ? left : CADENCE);
      this.interlock.tick(this.machine.clocks(), CADENCE);
    }
  }

  audit(requestedAgo = 0n, epoch = this.interlock.epoch): boolean {
    this.#sequence += 1;
    return this.interlock.passVerified({
      epoch,
      requestedAt: monoNs(this.machine.mono - requestedAgo),
      lease: durNs(LEASE),
      sequence: this.#sequence,
    });
  }

  opened(): this {
    this.interlock.sessionOpened(null);
    this.audit();
    return this;
  }

  state(): ClosedCode | 'open' {
    const status = this.interlock.status(this.machine.clocks());
    return status.open ? 'open' : status.code;
  }
}

const ways: readonly {
  readonly way: string;
  readonly closes: (story: Story) => void;
  readonly code: ClosedCode;
  /** Beside a new audit. */
  readonly reopens?: (story: Story) => void;
}[] = [
  { way: 'expiry of the lease', closes: (s) => s.runs(LEASE), code: 'LEASE_EXPIRED' },
  {
    way: 'suspend: uptime counts on, the monotonic clock does not',
    closes: (s) => (s.machine.uptime += 70n * NS_PER_MS),
    code: 'CLOCK_JUMPED',
  },
  {
    way: 'a suspend made of many small ones',
    closes: (s) => {
      for (let i = 0; i < 20; i += 1) {
        s.machine.uptime += 4n * NS_PER_MS;
        s.runs(CADENCE);
      }
    },
    code: 'CLOCK_JUMPED',
  },
  {
    way: 'the monotonic clock jumps ahead of the uptime',
    closes: (s) => (s.machine.mono += 70n * NS_PER_MS),
    code: 'CLOCK_JUMPED',
  },
  {
    way: 'the monotonic clock goes backwards',
    closes: (s) => {
      s.machine.mono -= NS_PER_MS;
    },
    code: 'CLOCK_JUMPED',
  },
  {
    way: 'the monotonic clock falls behind the timers',
    closes: (s) => {
      for (let i = 0; i < 20; i += 1) {
        s.machine.passes(40n * NS_PER_MS);
        s.interlock.tick(s.machine.clocks(), CADENCE);
      }
    },
    code: 'CLOCK_JUMPED',
  },
  {
    way: 'the program was frozen',
    closes: (s) => s.machine.passes(11n * NS_PER_S),
    code: 'CLOCK_JUMPED',
  },
  {
    way: 'a stop order',
    closes: (s) => s.interlock.stopOrdered({ order: 41, reason: 'contract suspended' }),
    code: 'STOPPED',
    reopens: (s) => s.interlock.stopReleased(41),
  },
  {
    way: 'a stop that stands at reconnection',
    closes: (s) => s.interlock.sessionOpened({ order: 41, reason: 'contract suspended' }),
    code: 'STOPPED',
    reopens: (s) => s.interlock.sessionOpened(null),
  },
  {
    way: 'a certificate or receipt that does not verify',
    closes: (s) => s.interlock.verificationFailed('checkpoint below quorum'),
    code: 'VERIFICATION_FAILED',
  },
  {
    way: 'the verdict fail',
    closes: (s) => s.interlock.auditFailed('OFFSET_OUTSIDE_LIMIT'),
    code: 'AUDIT_FAILED',
  },
  {
    way: "the TSA's own clock disagrees with distributed time",
    closes: (s) => s.interlock.clockDisagrees('off by 700 ms'),
    code: 'CLOCK_DISAGREES',
    reopens: (s) => s.interlock.clockAgrees(),
  },
];

for (const { way, closes, code, reopens } of ways) {
  test(`it closes on ${way}, and opens by a new audit only`, (t) => {
    const story = new Story().opened();
    t.is(story.state(), 'open');
    const before = story.interlock.epoch;
    closes(story);
    t.is(story.state(), code);
    const error = t.throws(() => story.interlock.assertMayIssue(story.machine.clocks()), {
      instanceOf: InterlockClosedError,
      code,
    });
    t.true(error.remedy.length > 20);
    if (code !== 'LEASE_EXPIRED') {
      t.false(story.audit(0n, before), 'an audit requested before it closed opens nothing');
      t.is(story.state(), code);
    }
    if (reopens !== undefined) {
      t.false(story.audit(), 'an audit alone opens nothing while the cause stands');
      reopens(story);
      t.not(story.state(), 'open');
    }
    t.true(story.audit());
    t.is(story.state(), 'open');
  });
}

test('it is closed at every start: an audit without a confirmation that no stop stands opens nothing', (t) => {
  const story = new Story();
  t.is(story.state(), 'NOT_CONFIRMED');
  t.false(story.audit());
  story.interlock.sessionOpened(null);
  t.is(story.state(), 'NOT_YET_AUDITED');
  t.true(story.audit());
  t.is(story.state(), 'open');
});

test('a stop survives the restart; only its release in a live session and a new pass open', (t) => {
  const story = new Story({ kind: 'stop', stop: { order: 41, reason: 'contract suspended' } });
  t.is(story.state(), 'STOPPED');
  t.false(story.audit());
  story.interlock.stopReleased(40);
  t.is(story.state(), 'STOPPED', 'the release of another order changes nothing');
  const before = story.interlock.epoch;
  story.interlock.stopReleased(41);
  t.is(story.state(), 'NOT_YET_AUDITED');
  t.false(story.audit(0n, before), 'it was measured while the stop stood');
  t.true(story.audit());
  t.is(story.state(), 'open');
});

test('a damaged stop file keeps it closed whatever nodes and audits say', (t) => {
  const story = new Story({ kind: 'damaged', detail: 'STOP cannot be read' });
  story.opened();
  t.is(story.state(), 'STOP_STORE_DAMAGED');
  story.interlock.stopReleased(0);
  t.false(story.audit());
  t.is(story.state(), 'STOP_STORE_DAMAGED');
});

test('the lease counts from the request of the audit, and ends exactly then', (t) => {
  const story = new Story();
  story.interlock.sessionOpened(null);
  story.audit(NS_PER_S);
  const permission = story.interlock.assertMayIssue(story.machine.clocks());
  t.is(permission.until, monoNs(story.machine.mono + 2n * NS_PER_S));
  t.is(permission.sequence, 1);
  story.runs(2n * NS_PER_S - NS_PER_MS);
  t.is(story.state(), 'open');
  story.runs(NS_PER_MS);
  t.is(story.state(), 'LEASE_EXPIRED');
});

test('an answer that comes after its lease ended, or without a lease, opens nothing', (t) => {
  const story = new Story();
  story.interlock.sessionOpened(null);
  story.audit(LEASE + 1n);
  t.is(story.state(), 'LEASE_EXPIRED');
  t.false(
    story.interlock.passVerified({
      epoch: story.interlock.epoch,
      requestedAt: monoNs(story.machine.mono),
      lease: durNs(0n),
      sequence: 2,
    }),
  );
});

test('a session that is lost and found again does not shorten a running lease', (t) => {
  const story = new Story().opened();
  story.runs(NS_PER_S);
  story.interlock.sessionOpened(null);
  t.is(story.state(), 'open');
});

test('an older pass never shortens what a newer one permits', (t) => {
  const story = new Story().opened();
  const { until } = story.interlock.assertMayIssue(story.machine.clocks());
  t.false(story.audit(NS_PER_S));
  t.is(story.interlock.assertMayIssue(story.machine.clocks()).until, until);
});

test('uptime that jitters within its resolution, and slow reads, are no jump', (t) => {
  const story = new Story();
  const random = new Prng(7);
  story.interlock.sessionOpened(null);
  for (let i = 0; i < 2_000; i += 1) {
    story.machine.passes(BigInt(random.between(1, 400)) * NS_PER_MS);
    const { before, uptime } = story.machine.clocks();
    // The scheduler took the processor away between the two readings.
    const late = random.chance(0.1) ? BigInt(random.between(0, 200)) * NS_PER_MS : 0n;
    story.interlock.observe({ before, uptime, after: monoNs(before + late) });
    t.is(story.interlock.takeJump(), null);
    story.machine.passes(late);
  }
});

test('where the platform has no uptime, a frozen program is still noticed', (t) => {
  const clocks = (mono: bigint): LocalClocks => ({ before: monoNs(mono), uptime: null, after: monoNs(mono) });
  const interlock = new Interlock({ kind: 'none' }, clocks(0n));
  interlock.sessionOpened(null);
  interlock.observe(clocks(9n * NS_PER_S));
  t.is(interlock.takeJump(), null);
  interlock.observe(clocks(20n * NS_PER_S));
  t.regex(interlock.takeJump() ?? '', /did not run/);
  t.is(interlock.takeJump(), null, 'it is told once');
});

test('close is for good', (t) => {
  const story = new Story().opened();
  story.interlock.finish();
  t.is(story.state(), 'CLIENT_CLOSED');
  story.opened();
  t.is(story.state(), 'CLIENT_CLOSED');
});

/** What the interlock is to know, kept naively: the best lease among passes requested after the last closing event. */
interface Model {
  stop: boolean;
  confirmed: boolean;
  disagrees: boolean;
  until: bigint | null;
}

const allowed = ({ stop, confirmed, disagrees }: Model): boolean => confirmed && !stop && !disagrees;

test('whatever happens in whatever order, it opens only by a pass of this epoch with no stop standing', (t) => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = new Prng(seed);
    const stored: StoredStop = random.chance(0.2)
      ? { kind: 'stop', stop: { order: 1, reason: 'kept' } }
      : { kind: 'none' };
    const story = new Story(stored);
    const model: Model = {
      stop: stored.kind === 'stop',
      confirmed: false,
      disagrees: false,
      until: null,
    };
    let requested = { epoch: story.interlock.epoch, at: story.machine.mono, fresh: true };
    const closes = (): void => {
      model.until = null;
      requested = { ...requested, fresh: false };
    };
    const actions: readonly (() => void)[] = [
      () => story.runs(BigInt(random.between(1, 1_500)) * NS_PER_MS),
      () => (requested = { epoch: story.interlock.epoch, at: story.machine.mono, fresh: true }),
      () => {
        story.audit(story.machine.mono - requested.at, requested.epoch);
        const lease = requested.at + LEASE;
        if (requested.fresh && allowed(model) && (model.until === null || lease > model.until))
          model.until = lease;
      },
      () => {
        story.interlock.sessionOpened(null);
        if (model.stop || !model.confirmed) closes();
        model.stop = false;
        model.confirmed = true;
      },
      () => {
        story.interlock.stopOrdered({ order: 9, reason: 'x' });
        model.stop = true;
        model.confirmed = false;
        closes();
      },
      () => {
        story.interlock.auditFailed('x');
        closes();
      },
      () => {
        story.interlock.clockDisagrees('x');
        if (!model.disagrees) closes();
        model.disagrees = true;
      },
      () => {
        story.interlock.clockAgrees();
        model.disagrees = false;
      },
      () => {
        story.machine.uptime += NS_PER_S;
        story.interlock.observe(story.machine.clocks());
        closes();
      },
    ];
    for (let i = 0; i < 60; i += 1) {
      random.pick(actions)();
      const now = story.machine.mono + 20_000n;
      const expected = allowed(model) && model.until !== null && now < model.until;
      t.is(story.state() === 'open', expected, `seed ${seed}, step ${i}`);
    }
  }
});
