/**
 * Whole files that are either the old one or the new one, never half: temporary file, fsync, rename, fsync of the
 * directory. Crash before the rename: the old file, and a leftover that the next write replaces. After it: the new file.
 */

import { open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** @param mode permission bits; the default is readable by the owner only */
export async function writeFileAtomically(path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.new`;
  // A leftover could belong to another mode or be a link: never write through it.
  await unlink(temporary).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  });
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** Makes creations, renames and removals in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
