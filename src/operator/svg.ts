/**
 * SVG as text: elements, escaped text, numbers with one decimal. Nothing here depends on the time or the machine, so that
 * the same data give the same file. Everything is black, grey and hatching: drawings are printed and copied.
 */

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** One element with its children, already rendered. */
export type Svg = string;

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Text as XML carries it; control characters, which XML cannot carry, become a replacement character. */
export const escapeXml = (text: string): string =>
  text
    .replace(/[&<>"']/g, (char) => escapes[char] ?? char)
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd');

const numberOf = (value: number): string => (Math.round(value * 10) / 10).toString();

export function element(name: string, attributes: Attributes, ...children: readonly Svg[]): Svg {
  const rendered = Object.entries(attributes)
    .filter((entry): entry is [string, string | number] => entry[1] !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? numberOf(value) : escapeXml(value)}"`)
    .join('');
  return children.length === 0
    ? `<${name}${rendered}/>`
    : `<${name}${rendered}>${children.join('')}</${name}>`;
}

export interface TextStyle {
  readonly size?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly bold?: boolean;
  readonly grey?: boolean;
  /** Turned by 90° counter-clockwise. */
  readonly upright?: boolean;
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): Svg {
  const { size = 12, anchor = 'start', bold = false, grey = false, upright = false } = style;
  return element(
    'text',
    {
      x,
      y,
      'font-size': size,
      'text-anchor': anchor === 'start' ? undefined : anchor,
      'font-weight': bold ? 'bold' : undefined,
      fill: grey ? '#555' : undefined,
      transform: upright ? `rotate(-90 ${numberOf(x)} ${numberOf(y)})` : undefined,
    },
    escapeXml(content),
  );
}

export interface LineStyle {
  readonly width?: number;
  readonly dash?: string;
  readonly grey?: boolean;
  readonly arrow?: boolean;
}

export function line(x1: number, y1: number, x2: number, y2: number, style: LineStyle = {}): Svg {
  const { width = 1, dash, grey = false, arrow = false } = style;
  return element('line', {
    x1,
    y1,
    x2,
    y2,
    stroke: grey ? '#999' : '#000',
    'stroke-width': width,
    'stroke-dasharray': dash,
    'marker-end': arrow ? 'url(#arrow)' : undefined,
  });
}

export function box(
  x: number,
  y: number,
  width: number,
  height: number,
  style: {
    readonly fill?: string;
    readonly dash?: string;
    readonly round?: number;
    readonly stroke?: string;
  } = {},
): Svg {
  const { fill = '#fff', dash, round, stroke = '#000' } = style;
  return element('rect', { x, y, width, height, fill, stroke, 'stroke-dasharray': dash, rx: round });
}

/** A square pattern of lines; told apart without colour. */
export function hatch(id: string, gap: number, ...strokes: readonly string[]): Svg {
  return element(
    'pattern',
    { id, width: gap, height: gap, patternUnits: 'userSpaceOnUse' },
    element('rect', { width: gap, height: gap, fill: '#fff' }),
    ...strokes.map((d) => element('path', { d, stroke: '#000', 'stroke-width': 0.8, fill: 'none' })),
  );
}

/** Cuts a text to what fits, by the average width of a character. */
export function fitted(content: string, width: number, size: number): string {
  const most = Math.max(1, Math.floor(width / (size * 0.56)));
  const characters = Array.from(content);
  return characters.length <= most ? content : `${characters.slice(0, most - 1).join('')}…`;
}

const arrow = element(
  'marker',
  {
    id: 'arrow',
    viewBox: '0 0 10 10',
    refX: 9,
    refY: 5,
    markerWidth: 7,
    markerHeight: 7,
    orient: 'auto-start-reverse',
  },
  element('path', { d: 'M0 0 L10 5 L0 10 z' }),
);

/** A whole file. @param title read out by screen readers and shown by viewers */
export function document(
  width: number,
  height: number,
  title: string,
  definitions: readonly Svg[],
  content: readonly Svg[],
): string {
  const root = element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${numberOf(width)} ${numberOf(height)}`,
      width,
      height,
      'font-family': 'DejaVu Sans, Noto Sans CJK JP, Helvetica, Arial, sans-serif',
    },
    '\n',
    ...[
      element('title', {}, escapeXml(title)),
      element('defs', {}, arrow, ...definitions),
      element('rect', { width, height, fill: '#fff' }),
      ...content,
    ].map((part) => `${part}\n`),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}\n`;
}
