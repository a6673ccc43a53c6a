/** `taactl clock release`: an administrator lets a node's clock go on. On record before the node carries it out. */

import type { Argv } from 'yargs';
import type { ClockRelease } from '../../src/authority/acts.js';
import { submitOrder } from './orders.js';
import type { GlobalFlags, Session } from './settings.js';

const releases: Readonly<Record<string, ClockRelease>> = {
  latch: 'latch',
  'high-water': 'highWater',
  leap: 'leap',
};

export function releaseCommand(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'release',
    'let the clock of one node go on after a quarantine, a dispute or a forward jump',
    (sub) =>
      sub
        .option('node', { type: 'string', demandOption: true, describe: 'whose clock' })
        .option('what', {
          choices: Object.keys(releases),
          default: 'latch',
          describe:
            'latch: a quarantine, an absurd rate or a dispute; high-water: a mark left by a forward jump; leap: a contradiction',
        })
        .option('reason', { type: 'string', demandOption: true, describe: 'what was found; on record' }),
    async (flags) => {
      const { node, what, reason } = flags;
      await submitOrder(
        flags,
        session,
        { command: 'releaseClock', clock: node, what: releases[what] ?? 'latch', reason },
        null,
        [
          ['clock', node],
          ['released', what],
        ],
      );
    },
  );
}
