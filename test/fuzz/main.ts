/**
 * `npm run fuzz -- [--inputs N] [--seed S] [NAME …]`: N inputs (10^6 by default) for each parser that is named, or for all.
 * One JSON object a parser; ends with "parsers N, inputs N, failures N" and, after a failure, with 1.
 */

import { parseArgs } from 'node:util';
import { clockTargets } from './clock-targets.js';
import { fuzz } from './target.js';
import { transferTargets } from './transfer-targets.js';

const targets = [...clockTargets, ...transferTargets];
const usage = `usage: npm run fuzz -- [--inputs N] [--seed S] [NAME …]; NAME is one of ${targets.map(({ name }) => name).join(', ')}`;

function options(): { inputs: number; seed: number; names: readonly string[] } | null {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { inputs: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
    });
    const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
    const known = positionals.every((name) => targets.some((target) => target.name === name));
    return Number.isInteger(inputs) && inputs > 0 && Number.isInteger(seed) && known
      ? { inputs, seed, names: positionals }
      : null;
  } catch {
    return null;
  }
}

const chosen = options();
if (chosen === null) {
  console.error(usage);
  process.exitCode = 2;
} else {
  let [parsers, inputs, failures] = [0, 0, 0];
  for (const target of targets) {
    if (chosen.names.length > 0 && !chosen.names.includes(target.name)) continue;
    const report = fuzz(target, chosen.inputs, chosen.seed);
    parsers++;
    inputs += report.inputs;
    if (report.failure !== null) failures++;
    console.log(
      JSON.stringify({
        parser: report.name,
        inputs: report.inputs,
        seconds: Number(report.seconds.toFixed(1)),
        slowestMs: Number(report.slowestMs.toFixed(1)),
        outcomes: Object.fromEntries(report.outcomes),
        ...(report.failure === null
          ? {}
          : { failedInput: report.failure.input, error: String(report.failure.error) }),
      }),
    );
    if (report.failure !== null) console.error(report.failure.error);
  }
  console.log(`parsers ${parsers}, inputs ${inputs}, failures ${failures}`);
  process.exitCode = failures > 0 ? 1 : 0;
}
