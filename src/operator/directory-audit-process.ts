/** The process in which ./directory-auditor.ts has directories verified. */

import { auditDirectory, type DirectoryAuditOptions } from './directory-audit.js';
import type { AuditorAnswer } from './directory-auditor.js';

process.on('message', (options: DirectoryAuditOptions) => {
  auditDirectory(options).then(
    (report) => answer({ report }),
    (error: unknown) => answer({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
// Whoever asked is gone: nobody waits for the answer.
process.on('disconnect', () => process.exit(0));

function answer(message: AuditorAnswer): void {
  process.send?.(message);
}
