/**
 * What a command prints: one document. JSON and YAML carry the same value with stable camelCase keys, 64-bit integers as
 * decimal strings and bytes as lower-case hex; the table is for reading.
 */

import { stringify } from 'yaml';

export const outputFormats = ['table', 'json', 'yaml'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Where text goes. `process.stdout` is one. */
export interface Sink {
  write(text: string): unknown;
}

export function printDocument(sink: Sink, format: OutputFormat, value: Json, table: () => string): void {
  switch (format) {
    case 'json':
      sink.write(`${JSON.stringify(value, null, 2)}\n`);
      return;
    case 'yaml':
      sink.write(stringify(value, { lineWidth: 0 }));
      return;
    case 'table':
      sink.write(table());
  }
}

/** One of many documents of a stream: a line of JSON, or a YAML document. */
export function printStreamed(sink: Sink, format: OutputFormat, value: Json, line: () => string): void {
  switch (format) {
    case 'json':
      sink.write(`${JSON.stringify(value)}\n`);
      return;
    case 'yaml':
      sink.write(`---\n${stringify(value, { lineWidth: 0 })}`);
      return;
    case 'table':
      sink.write(line());
  }
}
