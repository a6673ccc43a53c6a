/** Where the golden files are: found from the package root, because compiled tests stand at another depth. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return directory;
}

export const fixture = (name: string): string => join(packageRoot(), 'test', 'fixtures', name);
