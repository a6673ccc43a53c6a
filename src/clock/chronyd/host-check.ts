/**
 * Whether this host's clock is disciplined as it must be (criterion S5), and slowly enough not to break what the TAA clock
 * assumes of the oscillator. Looks at chronyd's configuration file and asks its command port; changes nothing.
 */

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseChronyConf, slewThatFits } from '../core/chrony-conf.js';
import type { ChronyConf } from '../core/chrony-conf.js';
import { queryChronyd } from './query.js';
import type { ChronydView } from './query.js';

export interface HostClockOptions {
  /** Command interface of chronyd, usually 127.0.0.1 and 323. */
  readonly address: string;
  readonly port: number;
  /** Its configuration file. */
  readonly configuration: string;
  /** Assumed bound of the oscillator's rate error, which must cover the slew. */
  readonly rhoFloorPpb: number;
}

export type HostClockCode = 'hostClockUndisciplined' | 'hostClockUnsynchronised' | 'hostSlewUnbounded';

export interface HostClockFinding {
  readonly code: HostClockCode;
  /** What is wrong and what to do. */
  readonly detail: string;
}

const WINDOW_MS = 1000;
const MAX_FILES = 64;

/** @throws the error of a file that cannot be read */
function readConfiguration(path: string): ChronyConf {
  const queue = [path];
  let conf = parseChronyConf('');
  for (let read = 0; read < MAX_FILES; read++) {
    const next = queue.shift();
    if (next === undefined) break;
    conf = parseChronyConf(readFileSync(next, 'utf8'), conf);
    for (const { kind, path: more } of conf.more) {
      if (kind === 'confdir') queue.push(...configurationsIn(more));
      else if (!more.includes('*')) queue.push(more);
    }
  }
  return conf;
}

function configurationsIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    // chrony itself skips a folder that is not there.
    return [];
  }
}

function slewFinding({ configuration, rhoFloorPpb }: HostClockOptions): HostClockFinding | null {
  const fits = slewThatFits(rhoFloorPpb);
  const remedy = `set "maxslewrate ${Math.floor(fits)}" there (deploy/chrony.conf) or raise clock.rhoFloorPpb`;
  try {
    const { maxSlewPpm } = readConfiguration(configuration);
    if (maxSlewPpm <= fits) return null;
    return {
      code: 'hostSlewUnbounded',
      detail:
        `${configuration} lets chronyd slew the clock by ${maxSlewPpm} ppm, more than the ${fits} ppm ` +
        `that the assumed rate error of ${rhoFloorPpb / 1000} ppm covers; ${remedy}`,
    };
  } catch (error) {
    return {
      code: 'hostSlewUnbounded',
      detail:
        `the slew bound of chronyd is not known: ${error instanceof Error ? error.message : String(error)}; ` +
        `name its file in clock.hostClock.configuration, make it readable and ${remedy}`,
    };
  }
}

function trackingFinding(
  { address, port }: HostClockOptions,
  view: ChronydView | Error,
): HostClockFinding | null {
  if (view instanceof Error) {
    return {
      code: 'hostClockUndisciplined',
      detail:
        `no chronyd answers at ${address}:${port} (${view.message}); this host's clock must be disciplined: ` +
        'install chrony with deploy/chrony.conf, or name its command port in clock.hostClock.chronyd',
    };
  }
  if (view.tracking.leap !== 3) return null;
  return {
    code: 'hostClockUnsynchronised',
    detail:
      'chronyd runs, but has no source that it trusts; see "chronyc sources" and correct its configuration',
  };
}

/** Everything that is wrong now; empty if all is well. Never rejects. */
export async function checkHostClock(options: HostClockOptions): Promise<readonly HostClockFinding[]> {
  const view = await queryChronyd(options.address, options.port, WINDOW_MS).view.catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  );
  return [trackingFinding(options, view), slewFinding(options)].filter((finding) => finding !== null);
}
