/**
 * Files that are either there whole or not at all. Written beside their place, synced, renamed into it, and the
 * directory synced: if we crash before the rename, the old file stands; after the promise resolved, the new one does.
 */

import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Suffix of files that a crash left behind; nothing reads them. */
export const TEMPORARY = '.tmp';

export async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const directory = dirname(file);
  await makeDirectory(directory);
  const temporary = join(directory, `.${basename(file)}${TEMPORARY}`);
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  await syncDirectory(directory);
}

/** Removing what is not there is no error. */
export async function removeDurably(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  await syncDirectory(dirname(file));
}

export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** A new directory is durable only when the one above it was synced, up to the first that was already there. */
async function makeDirectory(directory: string): Promise<void> {
  const created = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (created === undefined) return;
  for (let made = directory; ; made = dirname(made)) {
    await syncDirectory(dirname(made));
    if (made === created || made === dirname(made)) return;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open directories and needs no sync of them.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
