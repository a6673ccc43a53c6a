/** The node's own leap-seconds.list: read at start, read again when it changes, kept when it becomes unreadable. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { ApprovedLeap } from '../../src/authority/model.js';
import type { ClockService, LeapKnowledge } from '../../src/clock/index.js';
import type { NodeCore } from '../../src/node/core/node.js';
import { leapRefusal } from '../../src/node/core/admission.js';
import { ConfigError } from '../../src/node/host/config.js';
import { LeapList, readLeapList } from '../../src/node/host/leap-list.js';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { monoNs, taiNs, type ClockReading, type LeapState } from '../../src/time/types.js';
import { withInsertion } from '../authority/clock-evidence-story.js';
import { leapSecondsList } from '../time/transfer-files.js';

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (condition()) return;
    await sleep(100);
  }
  throw new Error(`not within 30 s: ${what}`);
}

test('a changed file and a changed approval reach clock and core; an unreadable file changes nothing but an alarm', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'leap-list-'));
  const file = join(directory, 'leap-seconds.list');
  writeFileSync(file, leapSecondsList(builtinLeapTable));
  let approved: ApprovedLeap = { table: null, entries: [] };
  const used: string[] = [];
  const known: LeapKnowledge[] = [];
  const alarms: string[] = [];
  const core = {
    authority: { leap: () => approved },
    useLeapTable: (hash: string) => used.push(hash),
  } as unknown as NodeCore;
  const clock = { setLeap: (leap: LeapKnowledge) => known.push(leap) } as unknown as ClockService;
  const notifier = { notify: ({ code }: { readonly code: string }) => alarms.push(code) };
  const list = new LeapList(file, readLeapList(file), core, clock, notifier);
  t.teardown(() => {
    list.close();
    rmSync(directory, { recursive: true });
  });
  t.deepEqual(used, [builtinLeapTable.hash]);
  writeFileSync(file, leapSecondsList(withInsertion));
  await until('the new list', () => list.list.hash === withInsertion.hash);
  t.is(used.at(-1), withInsertion.hash);
  t.is(known.at(-1)?.list.entries.at(-1)?.taiMinusUtc, 38);
  approved = { table: null, entries: [{ midnight: 1_817_078_400n, change: -1, reference: 'C', leaf: 4 }] };
  await until('the entry', () => known.at(-1)?.entries.length === 1);
  writeFileSync(file, 'no list');
  await until('the alarm', () => alarms.length > 0);
  t.deepEqual(alarms, ['LEAP_TABLE_UNREADABLE']);
  t.is(list.list.hash, withInsertion.hash);
});

test('at start a file that cannot be used is an error that names it', (t) => {
  t.is(readLeapList(null), builtinLeapTable);
  t.throws(() => readLeapList('/nonexistent/list'), {
    instanceOf: ConfigError,
    message: /list: it cannot be read.*leapSeconds/,
  });
});

const reading = (leap: LeapState, secondsBefore: bigint): ClockReading => {
  const at = (1_814_400_000n + 37n - secondsBefore) * 1_000_000_000n;
  return {
    earliest: taiNs(at - 1_000n),
    best: taiNs(at),
    latest: taiNs(at + 1_000n),
    mono: monoNs(0n),
    state: 'synchronised',
    epoch: 1,
    samples: 9,
    rhoPpb: 15_000,
    taiMinusUtc: 37,
    leap,
    unmonitored: false,
    peers: 'agree',
    peerRounds: 0,
  };
};

test('nothing is permitted that could still hold at a midnight in doubt', (t) => {
  const lease = 7_200n * 1_000_000_000n;
  t.is(leapRefusal(reading('infoStale', 7_300n), lease), null);
  t.is(leapRefusal(reading('infoStale', 7_100n), lease)?.reason, 'LEAP_TABLE_STALE');
  t.is(leapRefusal(reading('none', 100n), lease), null);
  t.is(leapRefusal(reading('announced', 100n), lease), null);
  t.is(leapRefusal(reading('doubtful', -100n), 0n)?.reason, 'LEAP_TABLE_STALE');
});
