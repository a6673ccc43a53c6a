import { rmSync } from 'node:fs';
import { join } from 'node:path';

for (const name of ['dist', 'coverage'])
  rmSync(join(import.meta.dirname, '..', name), { recursive: true, force: true });
