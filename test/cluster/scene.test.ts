import test from 'ava';
import { pipelineSteps } from './altered-build.js';
import { complaints, play } from './scene-stage.js';

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
