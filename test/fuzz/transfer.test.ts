/** The short form of `npm run fuzz` for the files of time laboratories. */
import test from 'ava';
import { fuzz } from './target.js';
import { transferTargets } from './transfer-targets.js';

for (const target of transferTargets) {
  test(`${target.name}: no throw but the typed verdict, no false statement`, (t) => {
    const report = fuzz(target, 5_000, 20_261_124);
    t.is(report.failure?.input, undefined, String(report.failure?.error));
    t.true(report.outcomes.size >= 2, 'the inputs must reach more than one outcome');
    t.log([...report.outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', '));
  });
}
