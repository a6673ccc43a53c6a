#!/usr/bin/env node
/** The daemon: `taad --config FILE` runs a node, `taad --check-config FILE` says whether it could and what it would survive. */

import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { checkConfiguration } from '../src/node/host/check.js';
import { readConfig } from '../src/node/host/config.js';
import { startDaemon, type Daemon } from '../src/node/host/daemon.js';
import { operatorMessage, stackOf } from '../src/node/host/failure.js';
import { packageVersion } from '../src/node/host/version.js';
import { endProcess } from '../src/store/index.js';

const version = packageVersion();

/** One JSON object a line: what a log collector and a person both read. */
function log(entry: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`);
}

let ending = false;

/** A failed disk, a broken invariant, an error that nobody caught. Nothing may be acknowledged after it: not even a clean stop. */
function endAtOnce(error: unknown): void {
  if (ending) return;
  ending = true;
  log({ severity: 'alarm', code: 'FATAL', message: operatorMessage(error), stack: stackOf(error) });
  endProcess(70);
}

async function run(file: string): Promise<void> {
  const config = readConfig(file);
  process.on('uncaughtException', endAtOnce);
  let daemon: Daemon | null = null;
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return;
    stopping = true;
    log({ severity: 'info', code: 'STOPPING', message: `stopping on ${why}` });
    Promise.resolve(daemon?.stop()).then(
      () => process.exit(0),
      (error: unknown) => {
        log({ severity: 'alarm', code: 'STOP_FAILED', message: operatorMessage(error) });
        process.exit(1);
      },
    );
  };
  daemon = await startDaemon({
    config,
    version,
    notifier: { notify: (notice) => log({ ...notice }) },
    fatal: endAtOnce,
    removed: (detail) => {
      log({ severity: 'alarm', code: 'NODE_REMOVED', message: detail });
      stop('removal');
    },
  });
  log({ severity: 'info', code: 'READY', message: `${config.node} takes part`, version, pid: process.pid });
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
}

async function main(): Promise<void> {
  const args = await yargs(hideBin(process.argv))
    .scriptName('taad')
    .locale('en')
    .version(version)
    .usage('$0 --config FILE\n$0 --check-config FILE')
    .option('config', { type: 'string', describe: 'run a node with this configuration file' })
    .option('check-config', {
      type: 'string',
      describe: 'check a configuration file and what the cluster survives',
    })
    .conflicts('config', 'check-config')
    .strict()
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? Object.assign(new Error(message ?? 'usage'), { usage: true });
    })
    .parseAsync();
  if (args['help'] === true || args['version'] === true) return;
  if (args.checkConfig !== undefined) {
    process.stdout.write(checkConfiguration(args.checkConfig));
  } else if (args.config !== undefined) {
    await run(args.config);
  } else {
    throw Object.assign(new Error('give --config FILE or --check-config FILE'), { usage: true });
  }
}

main().catch((error: unknown) => {
  const isUsage = (error as { usage?: boolean }).usage === true;
  const stack = isUsage ? undefined : stackOf(error);
  if (stack !== undefined) log({ severity: 'alarm', code: 'FATAL', message: operatorMessage(error), stack });
  process.stderr.write(`taad: ${operatorMessage(error)}\n`);
  process.exit(isUsage ? 2 : 1);
});
