/** What the SDK keeps on disk, and what it makes of what a crash or a disk left there. */

import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { CertificateStore } from '../../src/sdk/certificate-store.js';
import type { VerifiedCertificate } from '../../src/sdk/core/events.js';
import { StopStore } from '../../src/sdk/stop-store.js';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { durNs, taiNs } from '../../src/time/types.js';
import { parseUtc } from '../../src/time/utc-label.js';

function directory(t: ExecutionContext): string {
  const made = mkdtempSync(join(tmpdir(), 'taa-sdk-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const stop = { order: 4711, reason: '契約停止' };

test('a stop is read back as it was stored, and is gone after its release', async (t) => {
  const store = new StopStore(directory(t), 'taa.test');
  t.deepEqual(store.read(), { kind: 'none' });
  await store.store(stop);
  t.deepEqual(store.read(), { kind: 'stop', stop });
  t.is(statSync(store.file).mode & 0o777, 0o600);
  await store.clear();
  t.deepEqual(store.read(), { kind: 'none' });
  await store.clear();
});

test('every damage to a stop file is found: it never reads as another stop, and never as none', async (t) => {
  const store = new StopStore(directory(t), 'taa.test');
  await store.store(stop);
  const whole = readFileSync(store.file);
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    const damaged = Buffer.from(whole);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    writeFileSync(store.file, damaged);
    t.is(store.read().kind, 'damaged', `bit ${bit}`);
  }
  for (let length = 0; length < whole.length; length += 1) {
    writeFileSync(store.file, whole.subarray(0, length));
    t.is(store.read().kind, 'damaged', `cut to ${length}`);
  }
});

test('a stop of another cluster, and a file that may not be read, are damage with a reason', async (t) => {
  const place = directory(t);
  await new StopStore(place, 'other.test').store(stop);
  const store = new StopStore(place, 'taa.test');
  const other = store.read();
  t.true(other.kind === 'damaged' && other.detail.includes('other.test'));
  rmSync(store.file);
  // A directory in its place cannot be read by anyone, root included.
  await new CertificateStore(store.file).store(certificate(1, '2026-11-24T00:00:00Z'));
  const unreadable = store.read();
  t.true(unreadable.kind === 'damaged' && unreadable.detail.includes('cannot be read'));
});

test('a crash before the rename leaves the old state: no stop was acknowledged yet', (t) => {
  const store = new StopStore(directory(t), 'taa.test');
  writeFileSync(join(store.file, '..', '.STOP.tmp'), 'half a f');
  t.deepEqual(store.read(), { kind: 'none' });
});

test('a stop that is ordered right after a release is not lost to it', async (t) => {
  const store = new StopStore(directory(t), 'taa.test');
  await store.store(stop);
  const cleared = store.clear();
  const again = store.store({ order: 4712, reason: 'again' });
  await Promise.all([cleared, again]);
  t.deepEqual(store.read(), { kind: 'stop', stop: { order: 4712, reason: 'again' } });
});

test('a failure to store is told, and the next attempt is made all the same', async (t) => {
  const place = join(directory(t), 'blocked');
  writeFileSync(place, 'a file where the store should be');
  const store = new StopStore(place, 'taa.test');
  await t.throwsAsync(store.store(stop));
  rmSync(place);
  await store.store(stop);
  t.deepEqual(store.read(), { kind: 'stop', stop });
});

function certificate(sequence: number, utc: string, device = 'd-1'): VerifiedCertificate {
  return {
    device,
    node: 'n1',
    sequence,
    serial: sequence * 3,
    measuredAt: parseUtc(utc, builtinLeapTable) ?? taiNs(0n),
    evidenceUntil: taiNs(0n),
    low: durNs(-1n),
    high: durNs(1n),
    lease: durNs(1n),
    receipt: new TextEncoder().encode(`receipt ${sequence}`),
  };
}

test('certificates lie by device, year and month of UTC, and are listed oldest first', async (t) => {
  const place = directory(t);
  const store = new CertificateStore(place);
  const file = await store.store(certificate(9, '2026-11-30T23:59:59Z'));
  t.is(file, join(place, 'certificates', 'd-1', '2026', '11', '0000000009.receipt'));
  await store.store(certificate(10, '2026-12-01T00:00:00Z'));
  await store.store(certificate(11, '2036-01-01T00:00:00Z'));
  await store.store(certificate(8, '2016-12-31T23:59:60Z'));
  t.deepEqual(
    [...store.list()].map(({ sequence }) => sequence),
    [8, 9, 10, 11],
  );
  t.deepEqual(store.read(file), new TextEncoder().encode('receipt 9'));
});

test('what a crash left behind is not listed, and storing again replaces it', async (t) => {
  const store = new CertificateStore(directory(t));
  const file = await store.store(certificate(1, '2026-11-24T00:00:00Z'));
  writeFileSync(join(file, '..', '.0000000002.receipt.tmp'), 'half');
  t.is([...store.list()].length, 1);
  await store.store(certificate(2, '2026-11-24T00:00:00Z'));
  await store.store(certificate(2, '2026-11-24T00:00:00Z'));
  t.deepEqual(readdirSync(join(file, '..')).sort(), ['0000000001.receipt', '0000000002.receipt']);
});

test('a device id cannot lead out of the store', async (t) => {
  const place = directory(t);
  const store = new CertificateStore(place);
  for (const device of ['../../etc', '.', '..', 'a/b', '', 'x.41']) {
    const file = await store.store(certificate(1, '2026-11-24T00:00:00Z', device));
    t.regex(file.slice(place.length), /^\/certificates\/x\.[0-9a-f]*\/2026\/11\/0000000001\.receipt$/);
  }
});

test('a store that cannot be written is told as an error, and leaves nothing half-written', async (t) => {
  const place = directory(t);
  if (process.getuid?.() === 0) {
    // Root may write everywhere: a file in the way stands for the missing right.
    writeFileSync(join(place, 'certificates'), '');
  } else chmodSync(place, 0o500);
  await t.throwsAsync(new CertificateStore(place).store(certificate(1, '2026-11-24T00:00:00Z')));
  if (process.getuid?.() !== 0) chmodSync(place, 0o700);
  t.deepEqual([...new CertificateStore(place + '/none').list()], []);
});
