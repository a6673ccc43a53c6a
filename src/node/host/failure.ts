/**
 * What an operator reads when something failed: code, sentence and remedy on one line. The stack stays in the error for the log.
 */

export function operatorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const text = error.message.split('\n')[0] ?? '';
  if (typeof code !== 'string' || text.startsWith(code)) return text;
  return `${code}: ${text}`;
}
