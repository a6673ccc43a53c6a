/** The short form of `npm run histories`: every kind of fault once, one history, judged. */

import test from 'ava';
import { check } from '../linearizability/checker.js';
import { faultKinds, recordHistory } from '../linearizability/record.js';
import { summarise } from '../linearizability/summary.js';

test.serial('a history of three processes under every kind of fault is linearizable', async (t) => {
  t.timeout(590_000);
  const history = await recordHistory({ seed: 20_261_124, faults: faultKinds, faultMs: 900, calmMs: 400 });
  const summary = summarise(history);
  t.log(JSON.stringify(summary));
  t.deepEqual(check(history), []);
  // It says something, whatever else the machine was busy with.
  t.true(summary.appended > 0 && summary.linearizableReads >= 3 * summary.appended);
  t.is(history.faults.length, 2 * faultKinds.length);
});
