/**
 * Makes the golden files of the formats in docs/formats.md that hold signatures: `node dist/test/verify/golden-maker.js
 * DIR`. Run once for each version of a format; files that were published are never made again, because whoever stored
 * such a statement must be able to verify it for ever.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assembleStatement, statementToBeSigned } from '../../src/verify/signed-statement.js';
import { encodeStatement } from '../../src/verify/statement.js';
import { encodeGenesis, genesisHash } from '../../src/verify/genesis.js';
import { genesisFixture, signGenesis } from './genesis-fixture.js';
import { statement } from './statement-fixture.js';

const [, , directory] = process.argv;
if (directory === undefined) throw new Error('give the directory to write to');
mkdirSync(directory, { recursive: true });
const write = (name: string, bytes: Uint8Array): void => {
  writeFileSync(join(directory, name), bytes, { flag: 'wx' });
};

const { genesis, admin, issuing, rootDer } = genesisFixture();
const [first] = genesis.members;
const signer = issuing.get('n1');
if (!first || !signer) throw new Error('the fixture has no first member');
const content = encodeStatement(statement);
const signature = signer.signNow(statementToBeSigned(content, first.issuingCertificate));
write('root.crt.der', rootDer);
write('genesis.cbor', signGenesis(genesis, admin));
write('genesis.sha256', genesisHash(encodeGenesis(genesis)));
write('statement.der', content);
write('statement.cms', assembleStatement(content, first.issuingCertificate, signature));
