/**
 * The configuration diagram that accreditation criterion (7.2.2 c) asks for: which sources steer the clocks, which only
 * watch, how nodes and sites stand to each other, and which TSAs are audited. Made from what the running nodes say.
 */

import { box, document, element, fitted, line, text, type Svg } from './svg.js';

export interface DiagramSource {
  readonly name: string;
  readonly address: string;
  readonly role: string;
  readonly gives: string;
  readonly authenticated: boolean;
}

export interface DiagramNode {
  readonly node: string;
  readonly site: string;
  /** full or witness. */
  readonly kind: string;
  /** Of its clock; null when the node did not answer. */
  readonly state: string | null;
  readonly unmonitored: boolean;
  readonly sources: readonly DiagramSource[];
}

export interface DiagramClient {
  readonly device: string;
  readonly subscriber: string;
  /** Nodes with a live session of this device. */
  readonly connectedTo: readonly string[];
  readonly stopped: boolean;
}

export interface ClockDiagramInput {
  readonly cluster: string;
  /** Name of the time source as in certificates. */
  readonly sourceName: string;
  readonly laboratory: boolean;
  readonly nodes: readonly DiagramNode[];
  readonly clients: readonly DiagramClient[];
}

const WIDTH = 1100;
const TOP = 96;
const SOURCE = { x: 30, width: 270, height: 78, gap: 18 } as const;
const NODE = { x: 450, width: 230, height: 56, gap: 14 } as const;
const CLIENT = { x: 850, width: 220, height: 56, gap: 12 } as const;
const SITE_PADDING = 12;
const SITE_TITLE = 22;
const ORIGIN_HEIGHT = 40;

interface Placed {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const right = ({ x, y, width, height }: Placed): readonly [number, number] => [x + width, y + height / 2];
const left = ({ x, y, height }: Placed): readonly [number, number] => [x, y + height / 2];

export function clockDiagram(input: ClockDiagramInput): string {
  const sources = distinctSources(input.nodes);
  const placedSources = placeSources(sources);
  const sites = placeSites(input.nodes);
  const placedClients = new Map(
    input.clients.map(({ device }, i): [string, Placed] => [
      device,
      { ...CLIENT, y: TOP + 30 + i * (CLIENT.height + CLIENT.gap) },
    ]),
  );
  const bottom = Math.max(
    ...[...placedSources.values(), ...sites.nodes.values(), ...placedClients.values()].map(
      ({ y, height }) => y + height,
    ),
    TOP + 100,
  );
  const content = [
    ...heading(input),
    ...origin(input, sources, placedSources),
    ...sites.boxes,
    ...steering(input.nodes, placedSources, sites.nodes),
    ...auditing(input, sites.nodes, placedClients),
    ...peers(input.nodes, sites.nodes),
    ...sources.map((source) => sourceBox(source, placedSources.get(keyOf(source)))),
    ...input.nodes.map((node) => nodeBox(node, sites.nodes.get(node.node))),
    ...clientBoxes(input.clients, placedClients),
    ...legend(bottom + 50),
  ];
  return document(WIDTH, bottom + 104, `Configuration of ${input.cluster}`, [], content);
}

const keyOf = ({ name, address, role }: DiagramSource): string => `${role}/${name}/${address}`;

/** Every source once, references first, whatever the order in which nodes name them. */
function distinctSources(nodes: readonly DiagramNode[]): readonly DiagramSource[] {
  const all = new Map(nodes.flatMap(({ sources }) => sources).map((source) => [keyOf(source), source]));
  const rank = ({ role }: DiagramSource): number => (role === 'reference' ? 0 : 1);
  return [...all.values()].sort((a, b) => rank(a) - rank(b) || (keyOf(a) < keyOf(b) ? -1 : 1));
}

function placeSources(sources: readonly DiagramSource[]): ReadonlyMap<string, Placed> {
  const placed = new Map<string, Placed>();
  let y: number = TOP + ORIGIN_HEIGHT + 52;
  let role = 'reference';
  for (const source of sources) {
    if (source.role !== role) y += 34;
    role = source.role;
    placed.set(keyOf(source), { ...SOURCE, y });
    y += SOURCE.height + SOURCE.gap;
  }
  return placed;
}

function placeSites(nodes: readonly DiagramNode[]): {
  readonly nodes: ReadonlyMap<string, Placed>;
  readonly boxes: readonly Svg[];
} {
  const placed = new Map<string, Placed>();
  const boxes: Svg[] = [];
  let y = TOP + 30;
  for (const site of new Set(nodes.map((node) => node.site))) {
    const here = nodes.filter((node) => node.site === site);
    const height = SITE_TITLE + here.length * (NODE.height + NODE.gap) - NODE.gap + SITE_PADDING;
    const [x, width] = [NODE.x - SITE_PADDING, NODE.width + 2 * SITE_PADDING];
    boxes.push(
      box(x, y, width, height, { fill: '#f4f4f4', dash: '6 3', round: 6 }),
      text(x + 10, y + 15, fitted(`site ${site}`, width - 20, 11), { size: 11, grey: true }),
    );
    here.forEach(({ node }, i) =>
      placed.set(node, { ...NODE, y: y + SITE_TITLE + i * (NODE.height + NODE.gap) }),
    );
    y += height + 26;
  }
  return { nodes: placed, boxes };
}

function heading({ cluster, laboratory, nodes }: ClockDiagramInput): readonly Svg[] {
  const kind = laboratory ? 'laboratory, not traceable to UTC(NICT)' : 'time assessment authority';
  return [
    text(30, 34, fitted(`System configuration: ${cluster}`, WIDTH - 60, 20), { size: 20, bold: true }),
    text(
      30,
      56,
      fitted(`${kind}; ${nodes.length} nodes; from what the nodes say of themselves`, WIDTH - 60, 12),
      { grey: true },
    ),
    text(SOURCE.x, TOP + 16, 'time sources', { bold: true }),
    text(NODE.x - SITE_PADDING, TOP + 16, 'nodes (TAA clocks)', { bold: true }),
    text(CLIENT.x, TOP + 16, 'audited clocks (TSAs)', { bold: true }),
  ];
}

/** Where the references get their time from. */
function origin(
  { sourceName }: ClockDiagramInput,
  sources: readonly DiagramSource[],
  placed: ReadonlyMap<string, Placed>,
): readonly Svg[] {
  const first = placed.get(sources[0] === undefined ? '' : keyOf(sources[0]));
  const monitors = sources.find(({ role }) => role !== 'reference');
  const at = monitors === undefined ? undefined : placed.get(keyOf(monitors));
  const y = TOP + 30;
  return [
    element('ellipse', {
      cx: SOURCE.x + SOURCE.width / 2,
      cy: y + ORIGIN_HEIGHT / 2,
      rx: SOURCE.width / 2,
      ry: ORIGIN_HEIGHT / 2,
      fill: '#fff',
      stroke: '#000',
      'stroke-width': 2,
    }),
    text(SOURCE.x + SOURCE.width / 2, y + ORIGIN_HEIGHT / 2 + 5, fitted(sourceName, SOURCE.width - 40, 14), {
      anchor: 'middle',
      size: 14,
      bold: true,
    }),
    ...(first === undefined || sources[0]?.role !== 'reference'
      ? []
      : [
          line(SOURCE.x + SOURCE.width / 2, y + ORIGIN_HEIGHT, SOURCE.x + SOURCE.width / 2, first.y, {
            width: 2,
            arrow: true,
          }),
        ]),
    ...sources.slice(1).flatMap((source) => {
      const below = placed.get(keyOf(source));
      if (below === undefined || source.role !== 'reference') return [];
      // Past the boxes on the left: the lines to the nodes leave on the right.
      const [x, to] = [SOURCE.x - 14, below.y + below.height / 2];
      return [
        line(SOURCE.x, y + ORIGIN_HEIGHT / 2, x, y + ORIGIN_HEIGHT / 2, { width: 2 }),
        line(x, y + ORIGIN_HEIGHT / 2, x, to, { width: 2 }),
        line(x, to, SOURCE.x, to, { width: 2, arrow: true }),
      ];
    }),
    ...(at === undefined
      ? []
      : [
          text(SOURCE.x, at.y - 10, 'other time sources: only to notice anomalies', { size: 11, grey: true }),
        ]),
  ];
}

function sourceBox(source: DiagramSource, placed: Placed | undefined): Svg {
  if (placed === undefined) return '';
  const { x, y, width, height } = placed;
  const isReference = source.role === 'reference';
  const inner = width - 20;
  return element(
    'g',
    {},
    box(x, y, width, height, isReference ? {} : { dash: '5 3' }),
    text(x + 10, y + 18, fitted(source.name, inner, 13), { size: 13, bold: true }),
    text(x + 10, y + 35, fitted(source.address, inner, 11), { size: 11 }),
    text(
      x + 10,
      y + 52,
      fitted(
        `${isReference ? 'reference' : 'monitor'}, ${source.authenticated ? 'authenticated' : 'not authenticated'}`,
        inner,
        11,
      ),
      { size: 11 },
    ),
    text(x + 10, y + 68, fitted(`gives ${source.gives}`, inner, 11), { size: 11, grey: true }),
  );
}

function nodeBox(node: DiagramNode, placed: Placed | undefined): Svg {
  if (placed === undefined) return '';
  const { x, y, width, height } = placed;
  const clock =
    node.state === null ? 'did not answer' : `clock ${node.state}${node.unmonitored ? ', unmonitored' : ''}`;
  return element(
    'g',
    {},
    element('rect', { x, y, width, height, fill: '#fff', stroke: '#000', 'stroke-width': 2 }),
    text(x + 10, y + 22, fitted(node.node, width - 20, 14), { size: 14, bold: true }),
    text(x + 10, y + 42, fitted(node.kind === 'full' ? clock : `${node.kind}; ${clock}`, width - 20, 11), {
      size: 11,
    }),
  );
}

function steering(
  nodes: readonly DiagramNode[],
  sources: ReadonlyMap<string, Placed>,
  placed: ReadonlyMap<string, Placed>,
): readonly Svg[] {
  return nodes.flatMap((node) =>
    node.sources.flatMap((source) => {
      const from = sources.get(keyOf(source));
      const to = placed.get(node.node);
      if (from === undefined || to === undefined) return [];
      const style = source.role === 'reference' ? { width: 1.8, arrow: true } : { dash: '5 3', arrow: true };
      return [line(...right(from), ...left(to), style)];
    }),
  );
}

/** Neighbours in a column: every pair of nodes compares, drawing all would hide the rest. */
function peers(nodes: readonly DiagramNode[], placed: ReadonlyMap<string, Placed>): readonly Svg[] {
  const column = [...placed.values()].sort((a, b) => a.y - b.y);
  if (nodes.length < 2) return [];
  return column.slice(1).map((to, i) => {
    const from = column[i] ?? to;
    const x = from.x + from.width - 24;
    return line(x, from.y + from.height, x, to.y, { dash: '1 3', width: 2.5 });
  });
}

function clientBoxes(clients: readonly DiagramClient[], placed: ReadonlyMap<string, Placed>): readonly Svg[] {
  if (clients.length === 0) return [text(CLIENT.x, TOP + 48, 'none is registered', { size: 11, grey: true })];
  return clients.map((client) => {
    const { x, y, width, height } = placed.get(client.device) ?? { ...CLIENT, y: 0 };
    const state = client.stopped ? 'stopped' : client.connectedTo.length > 0 ? 'connected' : 'not connected';
    return element(
      'g',
      {},
      box(x, y, width, height, { round: 8 }),
      text(x + 10, y + 17, fitted(client.device, width - 20, 12), { size: 12, bold: true }),
      text(x + 10, y + 33, fitted(client.subscriber, width - 20, 11), { size: 11 }),
      text(x + 10, y + 48, state, { size: 11, grey: true }),
    );
  });
}

function auditing(
  { nodes, clients }: ClockDiagramInput,
  placed: ReadonlyMap<string, Placed>,
  targets: ReadonlyMap<string, Placed>,
): readonly Svg[] {
  return clients.flatMap(({ device, connectedTo }) =>
    nodes
      .filter(({ node }) => connectedTo.includes(node))
      .flatMap(({ node }) => {
        const [from, to] = [placed.get(node), targets.get(device)];
        return from === undefined || to === undefined
          ? []
          : [line(...right(from), ...left(to), { width: 1, arrow: true })];
      }),
  );
}

function legend(y: number): readonly Svg[] {
  const rows: readonly (readonly [Svg, string])[] = [
    [line(0, -4, 46, -4, { width: 1.8, arrow: true }), 'reference: steers the clock; nothing else does'],
    [
      line(0, -4, 46, -4, { dash: '5 3', arrow: true }),
      'monitor: never steers; a disagreement is recorded as an anomaly',
    ],
    [
      line(0, -4, 46, -4, { dash: '1 3', width: 2.5 }),
      'nodes compare their clocks with each other, every pair',
    ],
    [
      line(0, -4, 46, -4, { width: 1, arrow: true }),
      'distributes time to and audits the clock of a TSA (live session)',
    ],
  ];
  return [
    line(30, y - 26, WIDTH - 30, y - 26, { grey: true }),
    ...rows.map(([sign, says], i) =>
      element(
        'g',
        { transform: `translate(${30 + (i % 2) * 520} ${y + Math.floor(i / 2) * 26})` },
        sign,
        text(58, 0, says, { size: 11 }),
      ),
    ),
  ];
}
