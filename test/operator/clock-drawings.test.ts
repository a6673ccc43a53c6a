/**
 * The drawings of `taactl clock plot` and `diagram`: the same data give the same file, the file is well-formed XML, and
 * nothing in it depends on colour.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { clockDiagram } from '../../src/operator/clock-diagram.js';
import type { ClockDiagramInput } from '../../src/operator/clock-diagram.js';
import { clockFactsOf, readClockHistory } from '../../src/operator/clock-history.js';
import type { ClockHistoryFact } from '../../src/operator/clock-history.js';
import type { LogReader } from '../../src/operator/log-reader.js';
import { clockPlot } from '../../src/operator/clock-plot.js';
import type { ClockPlotInput } from '../../src/operator/clock-plot.js';
import { escapeXml } from '../../src/operator/svg.js';
import { taiNs } from '../../src/time/types.js';
import { clockEvidenceStory } from '../authority/clock-evidence-story.js';
import { goldenStory } from '../authority/golden-story.js';
import { fixture } from '../verify/fixtures.js';
import { configuration, plotted } from './drawings.js';

const golden = (name: string): string => readFileSync(fixture(`drawings/${name}`), 'utf8');

/** Every element is closed in order, every text is escaped, one root. */
function isWellFormed(xml: string): boolean {
  const open: string[] = [];
  let roots = 0;
  const rest = xml
    .replace(/^<\?xml [^?]*\?>\n/, '')
    .replace(
      /<(\/?)([a-z]\w*)((?: [\w:-]+="[^"<&]*(?:&(?:amp|lt|gt|quot|apos);[^"<&]*)*")*)(\/?)>/gi,
      (_all, end: string, name: string, _attributes, closed: string) => {
        if (end === '/') return open.pop() === name ? '' : '<';
        if (open.length === 0) roots++;
        if (closed !== '/') open.push(name);
        return '';
      },
    );
  const texts = rest.replace(/&(amp|lt|gt|quot|apos);/g, '');
  return open.length === 0 && roots === 1 && !/[<&]/.test(texts);
}

const hasXmllint = spawnSync('xmllint', ['--version']).status === 0;

function wellFormed(t: { true: (value: boolean, message?: string) => void }, svg: string): void {
  t.true(isWellFormed(svg));
  if (hasXmllint) t.true(spawnSync('xmllint', ['--noout', '-'], { input: svg }).status === 0, 'xmllint');
}

test('the plot of a day with a leap second, a gap, an anomaly and a holdover is the golden one', (t) => {
  const drawing = clockPlot(plotted);
  t.is(drawing, golden('clock-plot.svg'));
  wellFormed(t, drawing);
  for (const said of [
    '23:59:60 inserted',
    'no comparison',
    'holdover limit',
    'time [UTC]',
    'TAA clock - reference [ms]',
  ]) {
    t.true(drawing.includes(said), said);
  }
});

test('plots of nothing, of one point and of huge numbers are drawn too', (t) => {
  const [first] = plotted.facts;
  const cases: [string, readonly ClockHistoryFact[]][] = [
    ['nothing', []],
    ['one point', first === undefined ? [] : [first]],
    [
      '36 years',
      first?.kind === 'comparison' ? [{ ...first, offsetNs: 1n << 60n, uncertaintyNs: 1n << 60n }] : [],
    ],
    ['a nanosecond', first?.kind === 'comparison' ? [{ ...first, offsetNs: 1n, uncertaintyNs: 0n }] : []],
  ];
  for (const [what, facts] of cases) {
    const drawing = clockPlot({ ...plotted, facts });
    wellFormed(t, drawing);
    t.false(/NaN|Infinity/.test(drawing), what);
  }
  const long: ClockPlotInput = {
    ...plotted,
    facts: [],
    period: { from: plotted.period.from, to: taiNs(plotted.period.from + 400n * 86_400_000_000_000n) },
  };
  wellFormed(t, clockPlot(long));
});

test('the configuration diagram is the golden one; what does not answer is said', (t) => {
  const drawing = clockDiagram(configuration);
  t.is(drawing, golden('clock-diagram.svg'));
  wellFormed(t, drawing);
  for (const said of [
    'only to notice anomalies',
    'did not answer',
    'not authenticated',
    'steers the clock; nothing else does',
  ]) {
    t.true(drawing.includes(said), said);
  }
});

test('a diagram of nothing, and names that would break XML', (t) => {
  wellFormed(t, clockDiagram({ ...configuration, nodes: [], clients: [] }));
  const evil = `<&"'>\u0000\ud800 日本標準時`;
  const input: ClockDiagramInput = {
    ...configuration,
    cluster: evil,
    sourceName: evil,
    nodes: configuration.nodes.map((node) => ({
      ...node,
      site: evil,
      sources: node.sources.map((source) => ({ ...source, name: evil })),
    })),
  };
  wellFormed(t, clockDiagram(input));
  t.is(escapeXml(evil), '&lt;&amp;&quot;&apos;&gt;\ufffd\ufffd 日本標準時');
});

test('drawings are for print: black, white and greys only', (t) => {
  for (const drawing of [clockPlot(plotted), clockDiagram(configuration)]) {
    for (const [, colour = ''] of drawing.matchAll(/#([0-9a-f]{3,6})\b/g)) {
      const parts = colour.length === 3 ? Array.from(colour) : (colour.match(/../g) ?? []);
      t.is(new Set(parts).size, 1, colour);
    }
  }
});

// ---- where the facts come from -------------------------------------------------------------------------------------

const storyLeaves = [...goldenStory().leaves, ...clockEvidenceStory().leaves.slice(1)];

test('the facts of a log: each record of a clock, and nothing else', (t) => {
  const facts = storyLeaves.flatMap((leaf, i) => clockFactsOf(i, leaf));
  const seen = new Set(facts.map((fact) => (fact.kind === 'leap' ? `leap ${fact.phase}` : fact.kind)));
  t.deepEqual([...seen].sort(), [
    'anomaly',
    'comparison',
    'correction',
    'leap approved',
    'leap dailyCheck',
    'leap entered',
    'transition',
  ]);
  const corrections = facts.filter((fact) => fact.kind === 'correction');
  t.is(corrections.length, 7);
  t.like(corrections[0], { what: 'TAA - UTC(NICT)', of: 'n1', valuePs: -12_600n, spreadPs: 85n, count: 12 });
  t.like(corrections[1], { what: 'UTC - UTC(NICT)', of: null, valuePs: 2_300n, from: 'BIPM Circular T 456' });
  t.deepEqual(clockFactsOf(0, new TextEncoder().encode('no record')), []);
});

test('a period of the log is found by halving, its end is not included', async (t) => {
  const { leaves } = goldenStory();
  let pages = 0;
  const reader = {
    page: (start: number, count: number) => {
      pages++;
      return Promise.resolve({ leaves: leaves.slice(start, start + count), size: leaves.length });
    },
    async *leaves(start: number, end: number) {
      for (let index = start; index < end; index++)
        yield await Promise.resolve({ index, leaf: leaves[index] as Uint8Array });
    },
  } as unknown as LogReader;
  const all = await readClockHistory(reader, { from: taiNs(0n), to: taiNs(1n << 62n) });
  t.true(pages <= 2 + Math.ceil(Math.log2(leaves.length)));
  const [first] = all;
  t.is(all.length, 4);
  const until = await readClockHistory(reader, { from: taiNs(0n), to: first?.time ?? taiNs(0n) });
  t.deepEqual(until, []);
  const from = await readClockHistory(reader, {
    from: taiNs((first?.time ?? 0n) + 1n),
    to: taiNs(1n << 62n),
  });
  t.deepEqual(
    from,
    all.filter(({ time }) => time > (first?.time ?? 0n)),
  );
});
