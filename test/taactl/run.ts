/** One taactl command line, run in this process: what it printed and how it ended. */

import { runTaactl } from '../../cmd/taactl/program.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The JSON document on standard output. */
  readonly json: () => Record<string, unknown>;
}

export async function taactl(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  interrupted: AbortSignal = new AbortController().signal,
): Promise<Ran> {
  let out = '';
  let err = '';
  const code = await runTaactl(
    { arguments: args, version: '0.0.0-test' },
    {
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
      // Nobody's own context file plays a part.
      environment: { HOME: '/nonexistent', ...environment },
      interrupted,
    },
  );
  return { code, out, err, json: () => JSON.parse(out) as Record<string, unknown> };
}

/** An operator's mistake never shows a stack, and the message is one line. */
export const isOneSentence = (text: string): boolean =>
  /^taactl: [^\n]+\n$/.test(text) && !/\n\s+at /.test(text);
