/**
 * The command tree of taactl. Everything that a command needs from its process comes in as `Surroundings`, and the exit
 * code goes out, so that tests run commands in their own process.
 */

import yargs from 'yargs';
import { auditCommands } from './audit.js';
import { caCommands } from './ca.js';
import { certCommands } from './cert.js';
import { clientCommands } from './client.js';
import { clockCommands } from './clock.js';
import { nodeCommands } from './node.js';
import { exitCodeOf, exitCodes, messageOf, usageError } from './outcome.js';
import { globalOptions, type Session, type Surroundings } from './settings.js';
import { statusCommand } from './status.js';

export interface ProgramOptions {
  readonly arguments: readonly string[];
  readonly version: string;
}

/** Runs one command line. @returns the exit code; never throws */
export async function runTaactl(options: ProgramOptions, surroundings: Surroundings): Promise<number> {
  const session: Session = { ...surroundings, exitCode: exitCodes.ok };
  const cli = globalOptions(yargs())
    .scriptName('taactl')
    .locale('en')
    .version(options.version)
    .usage('$0 COMMAND\n\nAdministers and audits a Time Assessment Authority.')
    .exitProcess(false)
    .showHelpOnFail(false)
    .strict()
    .recommendCommands()
    .demandCommand(1, 'give a command; taactl --help lists them')
    .wrap(110)
    .epilogue(
      'Exit codes: 0 ok, 1 failed, 2 usage, 3 not reachable, 4 verification failed, 5 denied, 6 not fully checked',
    )
    .fail((message: string | null, error: Error | undefined) => {
      const said = (message ?? 'the command line cannot be understood').replaceAll(/\s*\n\s*/g, ' ');
      throw error ?? usageError(said);
    });
  const groups = [
    statusCommand,
    nodeCommands,
    clockCommands,
    clientCommands,
    auditCommands,
    certCommands,
    caCommands,
  ];
  for (const group of groups) group(cli, session);
  try {
    let help = '';
    await cli.parseAsync([...options.arguments], {}, (_error, _argv, output) => {
      help = output;
    });
    if (help !== '') session.stdout.write(`${help}\n`);
    return session.exitCode;
  } catch (error) {
    session.stderr.write(`taactl: ${messageOf(error)}\n`);
    return exitCodeOf(error);
  }
}
