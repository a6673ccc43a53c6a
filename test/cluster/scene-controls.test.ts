/** The scene must fail when what it proves is taken out: the cosigning, the verdict check, the sync. */

import test from 'ava';
import { complaints, play, powerTest, reason } from './scene-stage.js';

const short = { kills: 0, steps: [], pauses: false, keep: false } as const;

test.serial('control: without cosigning the scene fails', async (t) => {
  // A node takes its own line for a published checkpoint.
  const result = await play(
    t,
    [
      { file: 'src/audit/cosigner.js', find: '< policy.quorum)', replace: '< 0)' },
      { file: 'src/audit/cosigner.js', find: 'return faults.length === 0 ?', replace: 'return true ?' },
    ],
    short,
  );
  t.log(complaints(result).join('; '));
  t.true(complaints(result).length > 0);
});

test.serial('control: without the verdict check the scene fails', async (t) => {
  const result = await play(
    t,
    [{ file: 'src/authority/verdict.js', find: "return 'fail';", replace: "return 'pass';" }],
    short,
  );
  t.log(complaints(result).join('; '));
  t.true(complaints(result).length > 0);
});

powerTest(`control: without the sync the scene fails${reason}`, async (t) => {
  const result = await play(
    t,
    [
      {
        file: 'src/store/kv.js',
        find: 'this.#engine.batch(operations, sync)',
        replace: 'this.#engine.batch(operations, false)',
      },
    ],
    short,
  );
  t.log(complaints(result).join('; '));
  t.true(complaints(result).length > 0);
});
