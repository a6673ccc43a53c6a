/** Reads the tree size out of what a cosigner signs: the line of digits in a checkpoint's text, plain or time-stamped. */
export function readCosigned(message: Uint8Array): number {
  const size = /(?:^|\n)(\d+)\n/.exec(new TextDecoder().decode(message));
  return Number(size?.[1] ?? Number.NaN);
}
