/** The short form of `npm run fuzz`: some thousands of inputs for each parser of the clock. */
import test from 'ava';
import { clockTargets } from './clock-targets.js';
import { fuzz } from './target.js';

for (const target of clockTargets) {
  test(`${target.name}: no throw but the typed verdict, no false statement`, (t) => {
    const report = fuzz(target, 20_000, 20_261_124);
    t.is(report.failure?.input, undefined, String(report.failure?.error));
    t.true(report.outcomes.size >= 2, 'the inputs must reach more than one outcome');
    t.log([...report.outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', '));
  });
}

test('a parser that breaks is found, with the input that broke it', (t) => {
  const broken = { name: 'broken', corpus: [new Uint8Array(60)] };
  const report = fuzz(
    {
      ...broken,
      run: (input) => {
        if (input[7] === 0xff) throw new RangeError('read past the end');
        return 'ok';
      },
    },
    20_000,
    1,
  );
  t.is(Buffer.from(report.failure?.input ?? '', 'hex')[7], 0xff);
  t.true(report.inputs < 20_000);
});
