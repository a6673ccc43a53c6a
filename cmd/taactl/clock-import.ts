/** `taactl clock import …`: what becomes known after the fact, put on record beside the original measurements. */

import { readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { parseCggtts } from '../../src/time/cggtts.js';
import { parseCircularT } from '../../src/time/circular-t.js';
import { commonView } from '../../src/time/common-view.js';
import { posixLabel } from '../../src/verify/calendar.js';
import { formatPs } from './clock-history.js';
import { usageError } from './outcome.js';
import type { GlobalFlags, Session } from './settings.js';
import { submitOrder } from './orders.js';

const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

export function importCommand(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('import', 'corrections known after the fact: GNSS common view, BIPM Circular T', (imports) => {
    imports.command(
      'common-view',
      "TAA - UTC(NICT) at a node's site, from CGGTTS files (versions 02 and 2E) of both receivers",
      (sub) =>
        sub
          .option('of', {
            type: 'string',
            demandOption: true,
            describe: 'node at whose site the receiver stands',
          })
          .option('own', {
            type: 'string',
            demandOption: true,
            describe: "CGGTTS file of the site's receiver",
          })
          .option('nict', {
            type: 'string',
            demandOption: true,
            describe: 'CGGTTS file of NICT for the same days',
          }),
      async (flags) => {
        const [own, nict] = [bytesOf(flags.own), bytesOf(flags.nict)];
        // Read here first: what no node would accept needs no signature.
        const view = commonView(parseCggtts(textOf(own)), parseCggtts(textOf(nict)));
        if (view === null) {
          throw usageError(
            'no satellite was seen by both receivers in the same track; are the files of the same days?',
          );
        }
        const { detailsOf } = await import('../../src/operator/acts.js');
        const { CommonViewFiles } = await import('../../src/authority/common-view-files.js');
        const details = detailsOf(CommonViewFiles.encode({ own, nict }));
        await submitOrder(
          flags,
          session,
          { command: 'importCommonView', of: flags.of, details: details.hash },
          details,
          [
            ['TAA - UTC(NICT)', `${formatPs(-view.nictMinusOwnPs, true)}, spread ${formatPs(view.spreadPs)}`],
            ['tracks', `${view.count} of ${view.satellites} satellites`],
            ['period', `${posixLabel(Number(view.from))} to ${posixLabel(Number(view.to))}`],
          ],
        );
      },
    );
    imports.command(
      'circular-t',
      'UTC - UTC(NICT) from a BIPM Circular T (text, any layout)',
      (sub) => sub.option('file', { type: 'string', demandOption: true, describe: 'cirt.NNN as published' }),
      async (flags) => {
        const bytes = bytesOf(flags.file);
        const circular = parseCircularT(textOf(bytes), 'NICT');
        const { detailsOf } = await import('../../src/operator/acts.js');
        const details = detailsOf(bytes);
        await submitOrder(flags, session, { command: 'importCircularT', details: details.hash }, details, [
          ['Circular T', String(circular.number)],
          ...circular.values.map(({ mjd, utcMinusUtcKPs }): readonly [string, string] => [
            `MJD ${mjd}`,
            `UTC - UTC(NICT) ${formatPs(utcMinusUtcKPs, true)}`,
          ]),
        ]);
      },
    );
    return imports.demandCommand(1, 'give one of: clock import common-view, circular-t');
  });
}
