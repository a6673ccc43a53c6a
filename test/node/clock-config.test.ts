/** The section `clock` of a node's configuration: what can be said, and what is refused with which remedy. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { ClockConfig } from '../../src/node/host/clock-config.js';
import { ConfigError, parseConfig } from '../../src/node/host/config.js';

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'taa-config-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function clockOf(folder: string, clock: string, lab = false): ClockConfig {
  const text = `
node: n1
dataDirectory: data
genesis: genesis
keys: { directory: keys, passphraseFile: secret, tlsCertificate: tls.pem }
lab: ${lab}
listen: { peers: "127.0.0.1:1", clients: "127.0.0.1:2", administration: "127.0.0.1:3" }
peers: []
clock:
${clock.replace(/^/gm, '  ')}
`;
  return parseConfig(join(folder, 'taad.yaml'), text).clock;
}

test('references with keys, monitors under NTS, and the chronyd of the host', (t) => {
  const folder = directory(t);
  writeFileSync(join(folder, 'nict.key'), `${'0f'.repeat(32)}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'ca.pem'), 'PEM');
  const clock = clockOf(
    folder,
    `
profile: leased
sources:
  - { name: nict, address: "192.0.2.1:123", role: reference, refid: NICT, key: { id: 5, file: nict.key } }
  - { name: ptb, role: monitor, nts: { server: ptbtime1.ptb.de } }
  - { name: own, role: monitor, nts: { server: time.example, port: 4461, ca: ca.pem } }
  - { name: host, chronyd: { references: [PPS0, "192.0.2.1"] } }
hostClock: { configuration: chrony.conf }
`,
  );
  t.deepEqual(clock.sources, [
    {
      name: 'nict',
      host: '192.0.2.1',
      port: 123,
      role: 'reference',
      refid: 'NICT',
      key: { id: 5, secret: new Uint8Array(32).fill(15) },
    },
    { name: 'ptb', role: 'monitor', nts: { server: 'ptbtime1.ptb.de', port: 4460 } },
    { name: 'own', role: 'monitor', nts: { server: 'time.example', port: 4461, ca: 'PEM' } },
    { name: 'host', chronyd: { address: '127.0.0.1', port: 323, references: ['PPS0', '192.0.2.1'] } },
  ]);
  t.deepEqual(clock.hostClock, {
    chronyd: { host: '127.0.0.1', port: 323 },
    configuration: join(folder, 'chrony.conf'),
  });
});

test('the clock of the host is looked after unless this is a laboratory', (t) => {
  const source = 'sources: [{ name: n, address: "192.0.2.1:123", role: reference }]';
  t.is(clockOf('/etc/taa', `profile: lab\n${source}`, true).hostClock, null);
  t.deepEqual(clockOf('/etc/taa', `profile: leased\n${source}`).hostClock, {
    chronyd: { host: '127.0.0.1', port: 323 },
    configuration: '/etc/chrony/chrony.conf',
  });
});

test('what cannot be is refused with its line and the remedy', (t) => {
  const folder = directory(t);
  writeFileSync(join(folder, 'short.key'), '0f0f\n', { mode: 0o600 });
  writeFileSync(join(folder, 'open.key'), `${'0f'.repeat(16)}\n`);
  chmodSync(join(folder, 'open.key'), 0o644);
  const nict = 'name: nict, address: "192.0.2.1:123", role: reference';
  const cases: [string, RegExp][] = [
    [
      `{ name: a, role: reference, nts: { server: a.example } }`,
      /role: a reference cannot use NTS.*AES-CMAC "key"/,
    ],
    [`{ name: a, role: monitor, address: "a:1", nts: { server: a } }`, /address: unknown key/],
    [`{ name: a, role: monitor, nts: { server: a, port: 0 } }`, /nts\.port: 0 is not possible/],
    [
      `{ name: a, role: monitor, nts: { server: a, ca: none.pem } }`,
      /nts\.ca: cannot be read.*check the path/,
    ],
    [`{ name: a, chronyd: { references: [1] } }`, /chronyd\.references: must be a list of texts/],
    [`{ name: a, chronyd: {} }`, /sources: has no reference/],
    [`{ name: a, role: monitor, chronyd: {} }`, /role: unknown key/],
    [`{ ${nict}, key: { id: 0, file: short.key } }`, /key\.id: 0 is not possible/],
    [`{ ${nict}, key: { id: 1, file: short.key } }`, /key\.file: does not hold an AES-CMAC key/],
    [`{ ${nict}, key: { id: 1, file: open.key } }`, /key\.file: can be read by others; run chmod 600/],
    [`{ ${nict}, key: { id: 1, secret: "00" } }`, /secret: unknown key; the keys here are id, file/],
  ];
  for (const [source, reason] of cases) {
    const error = t.throws(() => clockOf(folder, `profile: leased\nsources: [${source}]`), {
      instanceOf: ConfigError,
    });
    t.regex(error.message, reason, source);
    t.regex(error.message, /taad\.yaml:\d+: clock\./);
  }
});
