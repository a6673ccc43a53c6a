/**
 * The clock of one node over a period as a drawing: TAA − reference with its uncertainty, the limits, the state in a band
 * below, leap seconds, gaps and anomalies, a legend. A pure function of its input; everything that is drawn stands in
 * the log.
 */

import type {
  AnomalyFact,
  ClockHistoryFact,
  ComparisonFact,
  LeapFact,
  Period,
  TransitionFact,
} from './clock-history.js';
import { box, document, element, fitted, hatch, line, text, type Svg } from './svg.js';
import { builtinLeapTable, posixNsFromTai, taiFromPosixNs } from '../time/leap-table.js';
import { NS_PER_S, type TaiNs } from '../time/types.js';
import { formatUtc } from '../time/utc-label.js';

export interface ClockPlotInput {
  readonly cluster: string;
  readonly node: string;
  /** Name of the time source as in certificates. */
  readonly sourceName: string;
  readonly period: Period;
  /** Facts of this node, in the order of the log. */
  readonly facts: readonly ClockHistoryFact[];
  /** Half-widths of the bound, nanoseconds: above the first the clock is in holdover, above the second it refuses. */
  readonly syncLimitNs: bigint;
  readonly holdLimitNs: bigint;
}

const WIDTH = 1000;
const HEIGHT = 560;
const LEFT = 90;
const RIGHT = 30;
const TOP = 70;
const PLOT_HEIGHT = 300;
const BAND_TOP = TOP + PLOT_HEIGHT + 34;
const BAND_HEIGHT = 24;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;

/** Without a comparison for this many times the usual interval there is a gap. */
const GAP_FACTOR = 5n;
const LEAST_GAP_NS = 60_000_000_000n;

const stateFills: Readonly<Record<string, string>> = {
  synchronised: '#fff',
  holdover: 'url(#holdover)',
  acquiring: 'url(#acquiring)',
  unsynchronised: 'url(#acquiring)',
  outOfTolerance: 'url(#refused)',
  disrupted: 'url(#refused)',
  quarantined: 'url(#refused)',
};

const patterns = [
  hatch('holdover', 6, 'M0 6 L6 0'),
  hatch('acquiring', 6, 'M0 3 L6 3'),
  hatch('refused', 5, 'M0 5 L5 0', 'M0 0 L5 5'),
  hatch('gap', 9, 'M0 9 L9 0'),
];

interface Unit {
  readonly name: string;
  readonly ns: number;
}
const units: readonly Unit[] = [
  { name: 's', ns: 1e9 },
  { name: 'ms', ns: 1e6 },
  { name: 'µs', ns: 1e3 },
  { name: 'ns', ns: 1 },
];

/** Steps of 1, 2 or 5 times a power of ten: about `count` of them in `range`. */
function stepFor(range: number, count: number): number {
  const raw = range / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  return ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
}

const timeSteps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];

export function clockPlot(input: ClockPlotInput): string {
  const { facts, period } = input;
  const comparisons = facts.filter(
    (fact): fact is ComparisonFact => fact.kind === 'comparison' && fact.role === 'reference',
  );
  const scale = scaleOf(comparisons, input);
  const content = [
    ...heading(input),
    ...gaps(comparisons, period),
    ...valueAxis(scale),
    ...timeAxis(period),
    ...limits(input, scale),
    ...comparisons.flatMap((fact) => point(fact, period, scale)),
    ...leaps(facts, period),
    ...anomalies(facts, period),
    ...stateBand(facts, period),
    box(LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT, { fill: 'none' }),
    ...(comparisons.length === 0
      ? [
          text(
            LEFT + PLOT_WIDTH / 2,
            TOP + PLOT_HEIGHT / 2,
            'no comparison with a reference in this period',
            { anchor: 'middle' },
          ),
        ]
      : []),
    ...legend(input, scale),
  ];
  return document(WIDTH, HEIGHT, `Clock of ${input.node}, ${input.cluster}`, patterns, content);
}

// ---- scales --------------------------------------------------------------------------------------------------------

interface Scale {
  readonly unit: Unit;
  /** The axis goes from −half to +half, nanoseconds. */
  readonly half: number;
  readonly step: number;
}

function scaleOf(comparisons: readonly ComparisonFact[], { syncLimitNs }: ClockPlotInput): Scale {
  const reach = comparisons.reduce((most, { offsetNs, uncertaintyNs }) => {
    const size = Number((offsetNs < 0n ? -offsetNs : offsetNs) + uncertaintyNs);
    return size > most ? size : most;
  }, 0);
  // A limit that is not far outside of the data is shown with them.
  const limit = Number(syncLimitNs);
  const most = reach === 0 ? limit : reach < limit && limit < 4 * reach ? limit : reach;
  const step = stepFor(2.2 * most, 8);
  const half = Math.ceil((1.05 * most) / step) * step;
  return { unit: units.find(({ ns }) => step >= ns) ?? { name: 'ns', ns: 1 }, half, step };
}

const xOf = (time: TaiNs, { from, to }: Period): number => {
  const x = LEFT + (Number(time - from) / Number(to - from)) * PLOT_WIDTH;
  return Math.min(LEFT + PLOT_WIDTH, Math.max(LEFT, x));
};

const yOf = (ns: number, { half }: Scale): number => {
  const y = TOP + PLOT_HEIGHT / 2 - (ns / half) * (PLOT_HEIGHT / 2);
  return Math.min(TOP + PLOT_HEIGHT, Math.max(TOP, y));
};

const isIn = (time: TaiNs, { from, to }: Period): boolean => time >= from && time < to;

// ---- parts ---------------------------------------------------------------------------------------------------------

const label = (tai: TaiNs): string => formatUtc(tai, builtinLeapTable).slice(0, 19).replace('T', ' ');

function heading({ cluster, node, sourceName, period }: ClockPlotInput): readonly Svg[] {
  return [
    text(LEFT, 28, fitted(`Clock of ${node} (${cluster})`, PLOT_WIDTH, 18), { size: 18, bold: true }),
    text(
      LEFT,
      48,
      fitted(
        `TAA clock - reference: ${sourceName}.  ${label(period.from)} to ${label(period.to)} UTC`,
        PLOT_WIDTH,
        12,
      ),
      { grey: true },
    ),
  ];
}

function valueAxis(scale: Scale): readonly Svg[] {
  const { unit, half, step } = scale;
  const marks: Svg[] = [];
  const decimals = Math.max(0, Math.round(Math.log10(unit.ns / step)));
  for (let i = -Math.round(half / step); i <= Math.round(half / step); i++) {
    const y = yOf(i * step, scale);
    const value = (i * step) / unit.ns;
    marks.push(
      line(LEFT, y, LEFT + PLOT_WIDTH, y, { grey: true, width: i === 0 ? 1.2 : 0.4 }),
      text(LEFT - 8, y + 4, `${value > 0 ? '+' : ''}${value.toFixed(decimals)}`, { anchor: 'end', size: 11 }),
    );
  }
  marks.push(
    text(24, TOP + PLOT_HEIGHT / 2, `TAA clock - reference [${unit.name}]`, {
      anchor: 'middle',
      upright: true,
    }),
  );
  return marks;
}

function timeAxis(period: Period): readonly Svg[] {
  const { from, to } = period;
  const seconds = Number(to - from) / 1e9;
  const step =
    timeSteps.find((candidate) => seconds / candidate <= 10) ?? Math.ceil(seconds / 10 / 86_400) * 86_400;
  const marks: Svg[] = [];
  const stepNs = BigInt(step) * NS_PER_S;
  // Ticks at whole steps of UTC, before a leap second and after it.
  const first = ((posixNsFromTai(from, builtinLeapTable) + stepNs - 1n) / stepNs) * stepNs;
  for (let at = first; taiFromPosixNs(at, builtinLeapTable) < to; at += stepNs) {
    const tai = taiFromPosixNs(at, builtinLeapTable);
    const x = xOf(tai, period);
    const shown = label(tai);
    marks.push(
      line(x, TOP, x, TOP + PLOT_HEIGHT, { grey: true, width: 0.4 }),
      line(x, TOP + PLOT_HEIGHT, x, TOP + PLOT_HEIGHT + 5),
      text(
        x,
        TOP + PLOT_HEIGHT + 18,
        step >= 86_400 ? shown.slice(5, 10) : shown.slice(11, step < 60 ? 19 : 16),
        {
          anchor: 'middle',
          size: 11,
        },
      ),
    );
  }
  marks.push(text(LEFT + PLOT_WIDTH, BAND_TOP + BAND_HEIGHT + 16, 'time [UTC]', { anchor: 'end' }));
  return marks;
}

function limits({ syncLimitNs, holdLimitNs }: ClockPlotInput, scale: Scale): readonly Svg[] {
  return [
    { ns: Number(syncLimitNs), dash: '8 4', name: 'holdover' },
    { ns: Number(holdLimitNs), dash: '2 3', name: 'refusal' },
  ].flatMap(({ ns, dash, name }) =>
    ns > scale.half
      ? []
      : [
          ...[ns, -ns].map((at) =>
            line(LEFT, yOf(at, scale), LEFT + PLOT_WIDTH, yOf(at, scale), { dash, width: 1.4 }),
          ),
          ...onWhite(LEFT + 8, yOf(ns, scale) - 5, `${name} limit`, 'start'),
        ],
  );
}

/** A text that stays readable over hatching and data. */
function onWhite(x: number, y: number, content: string, anchor: 'start' | 'middle'): readonly Svg[] {
  const width = content.length * 6.4 + 6;
  const left = anchor === 'start' ? x - 3 : x - width / 2;
  return [box(left, y - 11, width, 14, { stroke: 'none' }), text(x, y, content, { anchor, size: 11 })];
}

function point(
  { time, offsetNs, uncertaintyNs, level }: ComparisonFact,
  period: Period,
  scale: Scale,
): readonly Svg[] {
  if (!isIn(time, period)) return [];
  const x = xOf(time, period);
  const [middle, reach] = [Number(offsetNs), Number(uncertaintyNs)];
  return [
    line(x, yOf(middle - reach, scale), x, yOf(middle + reach, scale), { grey: true, width: 2 }),
    element('circle', {
      cx: x,
      cy: yOf(middle, scale),
      r: level === 'ok' ? 2.2 : 3.6,
      fill: level === 'ok' ? '#000' : '#fff',
      stroke: '#000',
      'stroke-width': level === 'ok' ? undefined : 1.6,
    }),
  ];
}

/** Where there was no comparison for much longer than usual, the ends of the period included. */
function gaps(comparisons: readonly ComparisonFact[], period: Period): readonly Svg[] {
  const times = comparisons.map(({ time }) => time).filter((time) => isIn(time, period));
  const intervals = times.slice(1).map((time, i) => time - (times[i] ?? time));
  const sorted = [...intervals].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const usual = sorted[sorted.length >> 1] ?? 0n;
  const least = GAP_FACTOR * usual > LEAST_GAP_NS ? GAP_FACTOR * usual : LEAST_GAP_NS;
  const edges = [period.from, ...times, period.to];
  return edges.slice(1).flatMap((to, i) => {
    const from = edges[i] ?? to;
    if (to - from <= least) return [];
    const [x1, x2] = [xOf(from, period), xOf(to, period)];
    return [
      element('rect', {
        x: x1,
        y: TOP,
        width: x2 - x1,
        height: PLOT_HEIGHT,
        fill: 'url(#gap)',
        opacity: '0.25',
      }),
      ...(x2 - x1 > 110 ? onWhite((x1 + x2) / 2, TOP + PLOT_HEIGHT - 10, 'no comparison', 'middle') : []),
    ];
  });
}

function leaps(facts: readonly ClockHistoryFact[], period: Period): readonly Svg[] {
  const seen = new Map<string, LeapFact>();
  for (const fact of facts) {
    if (fact.kind !== 'leap' || fact.midnight === null || !isIn(fact.midnight, period)) continue;
    if (fact.phase === 'executed' || fact.phase === 'doubtful') seen.set(fact.midnight.toString(), fact);
  }
  return [...seen.values()].flatMap(({ midnight, phase, change }) => {
    const x = xOf(midnight ?? period.from, period);
    const what =
      phase === 'doubtful' ? 'leap second in doubt' : change > 0 ? '23:59:60 inserted' : '23:59:59 left out';
    const left = x > LEFT + PLOT_WIDTH / 2;
    return [
      line(x, TOP, x, BAND_TOP + BAND_HEIGHT, { dash: '10 3 2 3', width: 1.6 }),
      text(left ? x - 5 : x + 5, TOP + 14, what, { anchor: left ? 'end' : 'start', size: 11, bold: true }),
    ];
  });
}

function anomalies(facts: readonly ClockHistoryFact[], period: Period): readonly Svg[] {
  const shown = facts.filter(
    (fact): fact is AnomalyFact => fact.kind === 'anomaly' && isIn(fact.time, period),
  );
  return shown.map(({ time, code }) => {
    const x = xOf(time, period);
    return element(
      'path',
      { d: `M${x.toFixed(1)} ${TOP - 2} l-5 -9 h10 z`, fill: '#000' },
      element('title', {}, code.replace(/[^\w]/g, '')),
    );
  });
}

function stateBand(facts: readonly ClockHistoryFact[], period: Period): readonly Svg[] {
  const transitions = facts.filter((fact): fact is TransitionFact => fact.kind === 'transition');
  const before = transitions.findLast(({ time }) => time <= period.from)?.to;
  const inside = transitions.filter(({ time }) => isIn(time, period));
  const seen = facts.find((fact): fact is ComparisonFact => fact.kind === 'comparison')?.state;
  let state = before ?? inside[0]?.from ?? seen ?? 'unknown';
  let from = period.from;
  const pieces: Svg[] = [];
  const piece = (to: TaiNs): void => {
    const [x1, x2] = [xOf(from, period), xOf(to, period)];
    if (x2 - x1 < 0.1) return;
    pieces.push(box(x1, BAND_TOP, x2 - x1, BAND_HEIGHT, { fill: stateFills[state] ?? '#ddd' }));
    if (x2 - x1 > 12 + state.length * 6.6) {
      pieces.push(...onWhite((x1 + x2) / 2, BAND_TOP + 16, state, 'middle'));
    }
  };
  for (const { time, to } of inside) {
    piece(time);
    [state, from] = [to, time];
  }
  piece(period.to);
  return [...pieces, text(LEFT - 8, BAND_TOP + 16, 'state', { anchor: 'end', size: 11 })];
}

function legend({ syncLimitNs, holdLimitNs }: ClockPlotInput, { half }: Scale): readonly Svg[] {
  const inMs = (ns: bigint): string =>
    `±${Number(ns) / 1e6} ms${Number(ns) > half ? ' (outside of the plot)' : ''}`;
  const y = BAND_TOP + BAND_HEIGHT + 34;
  const rows: readonly (readonly [Svg, string])[][] = [
    [
      [
        line(0, -9, 0, 5, { grey: true, width: 2 }) + element('circle', { cx: 0, cy: -2, r: 2.2 }),
        'measured difference; the true one lies within the grey bar',
      ],
      [
        element('circle', { cx: 0, cy: -3, r: 3.6, fill: '#fff', stroke: '#000', 'stroke-width': 1.6 }),
        'beyond the alarm or stop level of the policy',
      ],
      [element('path', { d: 'M0 2 l-5 -9 h10 z' }), 'anomaly (taactl clock history)'],
    ],
    [
      [line(-10, -3, 10, -3, { dash: '8 4', width: 1.4 }), `holdover limit ${inMs(syncLimitNs)}`],
      [line(-10, -3, 10, -3, { dash: '2 3', width: 1.4 }), `refusal limit ${inMs(holdLimitNs)}`],
      [line(0, -10, 0, 5, { dash: '10 3 2 3', width: 1.6 }), 'leap second'],
    ],
    [
      [box(-8, -9, 16, 12, { fill: 'url(#holdover)' }), 'holdover'],
      [box(-8, -9, 16, 12, { fill: 'url(#acquiring)' }), 'not yet synchronised'],
      [box(-8, -9, 16, 12, { fill: 'url(#refused)' }), 'no time is served'],
    ],
  ];
  return rows.flatMap((row, i) =>
    row.map(([sign, says], j) => {
      const x = LEFT + 10 + j * 300 + (j > 0 ? 70 : 0);
      return element(
        'g',
        { transform: `translate(${x} ${y + i * 24})` },
        sign,
        text(18, 1, says, { size: 11 }),
      );
    }),
  );
}
