#!/usr/bin/env node
/** The operator's and auditor's program: `taactl --help`. */

import { packageVersion } from '../src/node/host/version.js';
import { runTaactl } from './taactl/program.js';

const interruption = new AbortController();
process.once('SIGINT', () => interruption.abort());
// A reader that closes the pipe (head) ends the command like an interruption.
process.stdout.on('error', () => process.exit(0));

process.exitCode = await runTaactl(
  { arguments: process.argv.slice(2), version: packageVersion() },
  {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    interrupted: interruption.signal,
  },
);
