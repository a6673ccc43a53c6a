/** What cannot work is refused by `connect` at once, with cause and remedy. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { SdkError, connect } from '../../src/sdk/index.js';
import type { ConnectOptions, SdkErrorCode } from '../../src/sdk/index.js';
import { RealCluster, clientOptions, pemOf } from './real-cluster.js';

const cluster = new RealCluster();
/** Nobody listens there: only the options are looked at. */
const nowhere = [{ node: 'n1', address: '127.0.0.1:9' }];

const wrong: readonly {
  readonly what: string;
  readonly change: (options: ConnectOptions) => Partial<ConnectOptions>;
  readonly code: SdkErrorCode;
  readonly says: RegExp;
}[] = [
  { what: 'no endpoint', change: () => ({ endpoints: [] }), code: 'OPTIONS_INVALID', says: /endpoints/ },
  {
    what: 'an address without a port',
    change: () => ({ endpoints: [{ node: 'n1', address: 'taa.example.jp' }] }),
    code: 'OPTIONS_INVALID',
    says: /host:port/,
  },
  {
    what: 'one node twice',
    change: ({ endpoints }) => ({ endpoints: [...endpoints, ...endpoints] }),
    code: 'OPTIONS_INVALID',
    says: /same node/,
  },
  {
    what: 'a node that is no name',
    change: () => ({ endpoints: [{ node: 'N 1', address: 'a:1' }] }),
    code: 'OPTIONS_INVALID',
    says: /name of a node/,
  },
  {
    what: 'audits faster than 50 ms',
    change: () => ({ auditEveryNs: 49_999_999n }),
    code: 'OPTIONS_INVALID',
    says: /auditEveryNs/,
  },
  { what: 'no software name', change: () => ({ software: '' }), code: 'OPTIONS_INVALID', says: /software/ },
  {
    what: 'a rate error of nothing',
    change: () => ({ rateErrorPpb: 0 }),
    code: 'OPTIONS_INVALID',
    says: /rateErrorPpb/,
  },
  { what: 'no store', change: () => ({ store: '' }), code: 'OPTIONS_INVALID', says: /store/ },
  {
    what: 'a genesis that is none',
    change: () => ({ trust: Uint8Array.of(1, 2, 3) }),
    code: 'GENESIS_INVALID',
    says: /genesis/,
  },
  {
    what: 'a genesis with one bit flipped',
    change: ({ trust }) => ({ trust: trust.map((byte, i) => (i === 300 ? byte ^ 4 : byte)) }),
    code: 'GENESIS_INVALID',
    says: /genesis/,
  },
  {
    what: 'the genesis of another cluster',
    change: () => ({ cluster: 'other.test' }),
    code: 'GENESIS_INVALID',
    says: /other\.test/,
  },
  {
    what: 'a certificate that is none',
    change: ({ tls }) => ({ tls: { ...tls, cert: 'nothing' } }),
    code: 'CREDENTIAL_INVALID',
    says: /PEM/,
  },
  {
    what: 'a key that is none',
    change: ({ tls }) => ({ tls: { ...tls, key: 'nothing' } }),
    code: 'CREDENTIAL_INVALID',
    says: /PEM/,
  },
  {
    what: 'the key of another certificate',
    change: ({ tls }) => ({ tls: { ...tls, key: pemOf(cluster.material('client', 'tsa-1')).key } }),
    code: 'CREDENTIAL_INVALID',
    says: /not the one of the certificate/,
  },
  {
    what: 'the certificate of a node',
    change: () => ({ tls: pemOf(cluster.material('node', 'n1')) }),
    code: 'CREDENTIAL_INVALID',
    says: /client/,
  },
];

for (const { what, change, code, says } of wrong) {
  test(`connect refuses at once, with cause and remedy: ${what}`, (t) => {
    const good = clientOptions(t, cluster, nowhere);
    const options = { ...good, ...change(good) };
    const error = t.throws(() => connect(options), { instanceOf: SdkError });
    t.is(error.code, code);
    t.regex(error.message, says);
    t.true(error.message.endsWith(error.remedy));
    t.false(error.retryable);
  });
}

test('a store that is a file is refused', (t) => {
  const good = clientOptions(t, cluster, nowhere);
  const file = join(good.store, 'file');
  writeFileSync(file, '');
  const error = t.throws(() => connect({ ...good, store: file }), { instanceOf: SdkError });
  t.is(error.code, 'STORE_UNUSABLE');
});
