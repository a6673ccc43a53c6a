/** The short form of `npm run mutants`: every known bug still finds its place in the build, and some are hunted. */
import test from 'ava';
import { altered, compiledText } from '../cluster/altered-build.js';
import { huntMutant } from './mutant-table.js';
import { mutants } from './mutants.js';

test('every mutant still applies to the build', (t) => {
  for (const { id, alterations } of mutants) {
    const texts = new Map<string, string>();
    for (const alteration of alterations) {
      const text = texts.get(alteration.file) ?? compiledText(alteration.file);
      t.notThrows(() => texts.set(alteration.file, altered(text, alteration)), id);
    }
  }
});

test('at least five mutants of each kind, thirty in all, none twice', (t) => {
  const ids = mutants.map(({ id }) => id);
  t.is(new Set(ids).size, ids.length);
  t.true(ids.length >= 30);
  for (const kind of [/^E/, /^L/, /^[MRC]/]) {
    t.true(ids.filter((id) => kind.test(id)).length >= 5, String(kind));
  }
});

test('an alteration whose place is gone is an error', (t) => {
  const gone = { file: 'a.js', find: 'x', replace: 'y' };
  t.throws(() => altered('', gone), { message: /0 times/ });
  t.throws(() => altered('x x', gone), { message: /2 times/ });
});

for (const id of ['E1', 'L1', 'C1']) {
  test(`${id} is caught`, async (t) => {
    t.timeout(300_000);
    const mutant = mutants.find((one) => one.id === id);
    t.not(mutant, undefined);
    if (mutant === undefined) return;
    const [found] = await huntMutant(mutant, [1]);
    t.not(found, null);
  });
}
