/**
 * Where this package lies on disk: the nearest folder above this file that holds package.json. Counting `..` would
 * differ between sources, dist/ and an installed package.
 */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @throws Error when the package was copied without its package.json */
export function findPackageRoot(from: string = fileURLToPath(import.meta.url)): string {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) {
      throw new Error(
        `no package.json above ${from}: install the package whole, with package.json and proto/`,
      );
    }
  }
}
