/** Reading of the benches' command lines: a mistake names the option and shows all of them. */

import { parseArgs } from 'node:util';
import { BenchError } from './errors.js';

export function optionError(problem: string, usage: string): BenchError {
  return new BenchError(`${problem}; options: ${usage}`, 2);
}

/** The options of a bench as text, each with its default. @throws BenchError for one that it does not have */
export function optionsOf<Name extends string>(
  args: readonly string[],
  defaults: Readonly<Record<Name, string>>,
  usage: string,
): Record<Name, string> {
  const names = Object.keys(defaults) as Name[];
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }] as const));
    const { values } = parseArgs({ args: [...args], options });
    return { ...defaults, ...(values as Partial<Record<Name, string>>) };
  } catch (error) {
    throw optionError((error as Error).message, usage);
  }
}

/** @throws BenchError */
export function positive(name: string, text: string, least: number, usage: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < least) {
    throw optionError(`--${name} ${text} is not a number of at least ${least}`, usage);
  }
  return value;
}

/** Whole numbers from 1 on, separated by commas. @throws BenchError */
export function numbersOf(name: string, text: string, usage: string): readonly number[] {
  return text.split(',').map((one) => Math.floor(positive(name, one, 1, usage)));
}
