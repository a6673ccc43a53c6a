/**
 * What an operator reads when something failed: code, sentence and remedy on one line. The stack stays in the error for
 * the log, and goes there only when the fault is in the program.
 */

import { isDiskFull } from '../../store/errors.js';

export function operatorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const text = error.message.split('\n')[0] ?? '';
  if (typeof code !== 'string' || text.startsWith(code)) return text;
  return `${code}: ${text}`;
}

/**
 * Conditions that the operator can see and mend carry a code of ours and a remedy; anything else is a fault whose stack
 * somebody will need. A failing disk is both: its stack helps, unless it is merely full.
 */
export function stackOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (isDiskFull(error) || (cause instanceof Error && isDiskFull(cause))) return undefined;
  return code === 'RAFT_STORAGE' || code === 'STORAGE_FAILED' || typeof code !== 'string'
    ? error.stack
    : undefined;
}
