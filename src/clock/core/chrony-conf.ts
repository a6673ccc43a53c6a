/**
 * The lines of a chrony configuration that matter here: how fast chronyd may slew the host's clock, and with it the
 * monotonic clock that time is measured with. Total: lines that are not understood are skipped.
 */

/** chrony's own default: 83,333.333 ppm, which no rate error that a clock could promise would cover. */
export const DEFAULT_MAX_SLEW_PPM = 83_333.333;

export interface ChronyConf {
  /** Last `maxslewrate`; chrony's default if there is none. */
  readonly maxSlewPpm: number;
  /** Files and folders that are read too, in order. */
  readonly more: readonly { readonly kind: 'include' | 'confdir'; readonly path: string }[];
}

/** @param before what earlier files said */
export function parseChronyConf(text: string, before?: ChronyConf): ChronyConf {
  let maxSlewPpm = before?.maxSlewPpm ?? DEFAULT_MAX_SLEW_PPM;
  const more: { kind: 'include' | 'confdir'; path: string }[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    const [directive = '', value = ''] = words;
    if (/^[!;#%]/.test(directive)) continue;
    switch (directive.toLowerCase()) {
      case 'maxslewrate': {
        const ppm = Number(value);
        if (value !== '' && Number.isFinite(ppm) && ppm >= 0) maxSlewPpm = ppm;
        break;
      }
      case 'include':
        more.push({ kind: 'include', path: value });
        break;
      case 'confdir':
        more.push(...words.slice(1).map((path) => ({ kind: 'confdir', path }) as const));
        break;
    }
  }
  return { maxSlewPpm, more };
}

/** Oscillator wander that the rate error must cover beside the slew, parts per billion. */
const WANDER_PPB = 1_000;

/**
 * The fastest slew that an assumed rate error covers: the rate that was measured may have been one extreme, the present
 * one the other.
 */
export function slewThatFits(rhoFloorPpb: number): number {
  return Math.max(0, (rhoFloorPpb - WANDER_PPB) / 2) / 1000;
}
