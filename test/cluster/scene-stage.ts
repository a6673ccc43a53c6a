/** A build of the program, the disks that power cuts need, and the scene played on them: for the scene and its controls. */

import test from 'ava';
import type { ExecutionContext } from 'ava';
import { alteredBuild, killAtStep } from './altered-build.js';
import type { Alteration } from './altered-build.js';
import { PowerCutDisks } from './power-cut.js';
import { playScene } from './scene.js';
import type { SceneOptions, SceneResult } from './scene.js';

const power = PowerCutDisks.open();
const disks = 'disks' in power ? power.disks : null;
/** A test that proves nothing without power cuts. */
export const powerTest = disks === null ? test.serial.skip : test.serial;
/** Why it is skipped. */
export const reason = 'unavailable' in power ? ` (${power.unavailable})` : '';

test.after.always(() => disks?.close());

export async function play(
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
export function complaints(result: SceneResult): readonly string[] {
  return [
    ...result.problems,
    ...(result.wrongPasses > 0 ? [`the wrong TSA was told ${result.wrongPasses} passes`] : []),
    ...(result.wrongInterlock === 'open' ? ['the interlock of the wrong TSA is open'] : []),
  ];
}
