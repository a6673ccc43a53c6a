/** Reading of the benches' command lines: a mistake names the option and shows all of them. */

import { BenchError } from './errors.js';

export function optionError(problem: string, usage: string): BenchError {
  return new BenchError(`${problem}; options: ${usage}`, 2);
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
