/** What the golden drawings show. `node dist/test/operator/drawings.js DIR` writes them. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clockDiagram } from '../../src/operator/clock-diagram.js';
import type { ClockDiagramInput } from '../../src/operator/clock-diagram.js';
import type { ClockHistoryFact } from '../../src/operator/clock-history.js';
import { clockPlot } from '../../src/operator/clock-plot.js';
import type { ClockPlotInput } from '../../src/operator/clock-plot.js';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { taiNs, type TaiNs } from '../../src/time/types.js';
import { parseUtc } from '../../src/time/utc-label.js';

const at = (label: string): TaiNs => parseUtc(label, builtinLeapTable) ?? taiNs(0n);
const MINUTE = 60_000_000_000n;
const US = 1_000n;

const [from, to] = [at('2016-12-31T18:00:00Z'), at('2017-01-01T06:00:00Z')];

function comparisons(): readonly ClockHistoryFact[] {
  const facts: ClockHistoryFact[] = [];
  for (let i = 0n; i < 140n; i += 1n) {
    const time = taiNs(from + 3n * MINUTE + i * 5n * MINUTE);
    // An hour and a half without the reference.
    if (i >= 86n && i < 104n) continue;
    const phase = (i * 37n) % 100n;
    facts.push({
      kind: 'comparison',
      leaf: Number(i) + 100,
      time,
      node: 'tokyo',
      source: 'UTC(NICT) leased line',
      address: '192.0.2.1',
      role: 'reference',
      authenticated: true,
      offsetNs: (phase - 50n) * 20n * US + (i === 60n ? 6_000n * US : 0n),
      uncertaintyNs: 2_400n * US + phase * 15n * US,
      delayNs: 4_800n * US,
      state: 'synchronised',
      level: i === 60n ? 'alarm' : 'ok',
    });
  }
  return facts;
}

const base = { leaf: 1, node: 'tokyo' } as const;

export const plotted: ClockPlotInput = {
  cluster: 'taa.example',
  node: 'tokyo',
  sourceName: 'UTC(NICT)',
  period: { from, to },
  syncLimitNs: 10_000_000n,
  holdLimitNs: 50_000_000n,
  facts: [
    ...comparisons(),
    {
      ...base,
      kind: 'transition',
      time: at('2016-12-31T18:20:00Z'),
      from: 'acquiring',
      to: 'synchronised',
      epoch: 3,
    },
    {
      ...base,
      kind: 'anomaly',
      time: at('2016-12-31T23:03:00Z'),
      code: 'suspectSample',
      source: 'UTC(NICT) leased line',
      detail: '',
    },
    {
      ...base,
      kind: 'leap',
      time: at('2017-01-01T00:00:01Z'),
      phase: 'executed',
      midnight: at('2017-01-01T00:00:00Z'),
      change: 1,
      says: '',
    },
    {
      ...base,
      kind: 'transition',
      time: at('2017-01-01T01:20:00Z'),
      from: 'synchronised',
      to: 'holdover',
      epoch: 3,
    },
    {
      ...base,
      kind: 'transition',
      time: at('2017-01-01T02:20:00Z'),
      from: 'holdover',
      to: 'outOfTolerance',
      epoch: 3,
    },
    {
      ...base,
      kind: 'transition',
      time: at('2017-01-01T02:45:00Z'),
      from: 'outOfTolerance',
      to: 'acquiring',
      epoch: 4,
    },
    {
      ...base,
      kind: 'transition',
      time: at('2017-01-01T03:00:00Z'),
      from: 'acquiring',
      to: 'synchronised',
      epoch: 4,
    },
  ],
};

const reference = (n: number) => ({
  name: `UTC(NICT) leased line ${n}`,
  address: `192.0.2.${n}`,
  role: 'reference',
  gives: 'phase and label',
  authenticated: true,
});
const monitors = [
  {
    name: 'PTB',
    address: 'ptbtime1.example',
    role: 'monitor',
    gives: 'phase and label',
    authenticated: true,
  },
  {
    name: 'GNSS receiver',
    address: '127.0.0.1',
    role: 'monitor',
    gives: 'phase and label',
    authenticated: false,
  },
];

export const configuration: ClockDiagramInput = {
  cluster: 'taa.example',
  sourceName: 'UTC(NICT)',
  laboratory: false,
  nodes: [
    {
      node: 'tokyo-1',
      site: 'tokyo',
      kind: 'full',
      state: 'synchronised',
      unmonitored: false,
      sources: [reference(1), reference(2), ...monitors],
    },
    {
      node: 'tokyo-2',
      site: 'tokyo',
      kind: 'full',
      state: 'holdover',
      unmonitored: true,
      sources: [reference(1)],
    },
    {
      node: 'osaka-1',
      site: 'osaka',
      kind: 'full',
      state: 'synchronised',
      unmonitored: false,
      sources: [reference(1), reference(2), ...monitors],
    },
    { node: 'fukuoka-w', site: 'fukuoka', kind: 'witness', state: null, unmonitored: false, sources: [] },
  ],
  clients: [
    { device: 'd-0123456789abcdef', subscriber: 's-1001', connectedTo: ['tokyo-1'], stopped: false },
    { device: 'd-1123456789abcdef', subscriber: 's-1001', connectedTo: ['osaka-1'], stopped: false },
    { device: 'd-2123456789abcdef', subscriber: 's-2040', connectedTo: [], stopped: true },
  ],
};

const [, program, directory] = process.argv;
if (program?.endsWith('operator/drawings.js') === true && directory !== undefined) {
  writeFileSync(join(directory, 'clock-plot.svg'), clockPlot(plotted));
  writeFileSync(join(directory, 'clock-diagram.svg'), clockDiagram(configuration));
}
