/** Files of published format versions: what once verified verifies for ever, and still encodes to the same bytes. */

import { readFileSync } from 'node:fs';
import test from 'ava';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { encodeGenesis, verifyGenesis } from '../../src/verify/genesis.js';
import { verifyStatement } from '../../src/verify/signed-statement.js';
import { encodeStatement } from '../../src/verify/statement.js';
import { fixture } from './fixtures.js';
import { hex } from './random.js';
import { statement } from './statement-fixture.js';

const golden = (name: string): Uint8Array => new Uint8Array(readFileSync(fixture(`v1/${name}`)));

test('a statement encodes to the golden bytes', (t) => {
  t.is(hex(encodeStatement(statement)), hex(golden('statement.der')));
});

test('the golden signed statement verifies under the golden root', (t) => {
  const verified = verifyStatement(
    golden('statement.cms'),
    { trustAnchors: [golden('root.crt.der')] },
    nodeVerifier,
  );
  t.deepEqual(verified.ok && verified.statement, statement);
});

test('the golden genesis verifies, and its document encodes to the golden bytes', (t) => {
  const { genesis, document, hash } = verifyGenesis(golden('genesis.cbor'), nodeVerifier);
  t.is(hex(encodeGenesis(genesis)), hex(document));
  t.deepEqual(genesis.trustAnchors, [golden('root.crt.der')]);
  t.is(hex(hash), hex(golden('genesis.sha256')));
});
