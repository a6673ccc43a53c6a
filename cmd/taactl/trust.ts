/** The file from which an auditor's trust comes. */

import { readFileSync } from 'node:fs';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { GenesisError, verifyGenesis, type VerifiedGenesis } from '../../src/verify/genesis.js';
import { CliError, exitCodes, usageError } from './outcome.js';

/** @throws CliError usage when it is no genesis file, verification failed when it is one that does not hold */
export function readGenesisFile(file: string): VerifiedGenesis {
  const bytes = readFileOf('--genesis', file);
  try {
    return verifyGenesis(bytes, nodeVerifier);
  } catch (cause) {
    if (!(cause instanceof GenesisError)) throw cause;
    if (cause.code === 'GENESIS_MALFORMED')
      throw usageError(`--genesis ${file}: ${cause.message}`, { cause });
    throw new CliError(exitCodes.verificationFailed, cause.code, `${file}: ${cause.message}`, { cause });
  }
}

/** @throws CliError usage naming the flag */
export function readFileOf(flag: string, file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch (cause) {
    throw usageError(`${flag}: ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
