import test from 'ava';
import type { ExecutionContext } from 'ava';
import { alteredBuild, killAtStep, pipelineSteps } from './altered-build.js';
import type { Alteration } from './altered-build.js';
import { PowerCutDisks } from './power-cut.js';
import { playScene } from './scene.js';
import type { SceneOptions, SceneResult } from './scene.js';

const power = PowerCutDisks.open();
const disks = 'disks' in power ? power.disks : null;
const powerTest = disks === null ? test.serial.skip : test.serial;
const reason = 'unavailable' in power ? ` (${power.unavailable})` : '';

test.after.always(() => disks?.close());

async function play(
  t: ExecutionContext,
  alterations: readonly Alteration[],
  part: Pick<SceneOptions, 'kills' | 'steps' | 'pauses' | 'keep'>,
): Promise<SceneResult> {
  const build = alteredBuild([...killAtStep, ...alterations]);
  try {
    return await playScene({ taad: build.taad, disks, log: (line) => t.log(line), ...part });
  } finally {
    build.remove();
  }
}

/** Everything that the scene demands; what a control must break. */
function complaints(result: SceneResult): readonly string[] {
  return [
    ...result.problems,
    ...(result.wrongPasses > 0 ? [`the wrong TSA was told ${result.wrongPasses} passes`] : []),
    ...(result.wrongInterlock === 'open' ? ['the interlock of the wrong TSA is open'] : []),
  ];
}

test.serial(
  'three sites, kills at every step, a pause, a partition, the loss of all: the evidence holds',
  async (t) => {
    const result = await play(t, [], { kills: 9, steps: pipelineSteps, pauses: true, keep: true });
    const { gapsMs, certificates, kills, leaves, outcomes } = result;
    const median = gapsMs[gapsMs.length >> 1] ?? Infinity;
    t.log(
      `${certificates} certificates, ${kills} kills, ${leaves} leaves, outcomes ${JSON.stringify(outcomes)}`,
    );
    t.log(
      `time between two certificates over a fault: median ${median} ms, maximum ${gapsMs.at(-1) ?? 0} ms`,
    );
    t.deepEqual(complaints(result), []);
    t.true(kills >= 9 + pipelineSteps.length);
    t.true(median <= 2_000, `median gap ${median} ms`);
    t.true((outcomes['fail'] ?? 0) > 0, 'the wrong TSA was measured');
  },
);

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
