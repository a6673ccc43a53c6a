import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ESLint } from 'eslint';

const root = process.cwd();
// The project's own configuration; only the rules in question, which need no types, so that no program is built for them.
const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: join(root, 'eslint.config.js'),
  overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
  ruleFilter: ({ ruleId }) => ruleId.startsWith('no-restricted'),
});

/** Lints `code` as if it were the file's own text and returns the rules of boundaries and purity that it breaks. */
async function rulesBroken(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(root, file) });
  const rules = result?.messages.map((message) => message.ruleId ?? message.message) ?? [];
  return [...new Set(rules.filter((rule) => rule.startsWith('no-restricted')))];
}

const importViolations: readonly (readonly [file: string, code: string])[] = [
  ['src/raft/types.ts', "export type { ClockReading } from '../clock/core/reading.js';"],
  ['src/raft/types.ts', "import type { Authority } from '../authority/api.js'; export type A = Authority;"],
  ['src/audit/types.ts', "import { term } from '../raft/types.js'; export const t = term(1);"],
  ['src/authority/model.ts', "import type { Raft } from '../raft/driver-api.js'; export type R = Raft;"],
  ['src/sdk/index.ts', "import { createCa } from '../pki/ca.js'; export const c = createCa;"],
  ['src/time/types.ts', "import { sha256 } from '../verify/crypto.js'; export const h = sha256;"],
  ['src/authority/model.ts', "import { hash } from 'node:crypto'; export const h = hash;"],
  ['src/verify/cbor.ts', "import forge from 'node-forge'; export const f = forge;"],
];

for (const [file, code] of importViolations) {
  test(`${file} may not contain: ${code.slice(0, 70)}`, async (t) => {
    t.true((await rulesBroken(file, code)).includes('no-restricted-imports'));
  });
}

const impurities: readonly (readonly [code: string, rule: string])[] = [
  ['export const at = Date.now();', 'no-restricted-properties'],
  ['export const x = Math.random();', 'no-restricted-properties'],
  ['export const at = new Date();', 'no-restricted-syntax'],
  ['export const at = Date();', 'no-restricted-syntax'],
  ['setTimeout(() => undefined, 1);', 'no-restricted-globals'],
  ['setImmediate(() => undefined);', 'no-restricted-globals'],
  ['queueMicrotask(() => undefined);', 'no-restricted-globals'],
  ['export const pid = process.pid;', 'no-restricted-globals'],
  ['export const t0 = performance.now();', 'no-restricted-globals'],
  ['export const b = Buffer.alloc(1);', 'no-restricted-globals'],
  ["console.log('x');", 'no-restricted-globals'],
  ["export const m = import('./other.js');", 'no-restricted-syntax'],
  ['export const f = async () => { await Promise.resolve(); };', 'no-restricted-syntax'],
];

for (const [code, rule] of impurities) {
  test(`a pure file may not contain: ${code}`, async (t) => {
    t.true((await rulesBroken('src/authority/model.ts', code)).includes(rule));
  });
}

test('the rules are silent about a file as it stands', async (t) => {
  for (const file of ['src/raft/types.ts', 'src/authority/model.ts', 'src/node/core/proposals.ts']) {
    t.deepEqual(await rulesBroken(file, readFileSync(join(root, file), 'utf8')), []);
  }
});
