/**
 * Disks that fail: I/O errors, no space, kill -9. Real ones, from outside: what ships has no switch for them.
 * Needs cc for the I/O errors and root for the small file system; without them those tests say so and are skipped.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import type { DiskEngine } from '../../src/store/engine.js';
import { diskEngines, loaded, openNode, plain, readEntries, seeded, temporaryDirectory } from './harness.js';
import { nextStep, type Story } from './writer.js';

const writer = join(import.meta.dirname, 'writer.js');

interface Run {
  readonly acked: number;
  readonly lines: readonly string[];
  /** 'killed', or the exit code and signal. */
  readonly ended: string;
}

/** @param kill called with the number of acknowledged steps; true kills the process */
function run(
  path: string,
  engine: DiskEngine,
  bytes: number,
  options: {
    readonly trigger?: string;
    readonly preload?: string;
    readonly kill?: (acked: number) => boolean;
  } = {},
): Promise<Run> {
  const child = spawn(
    process.execPath,
    [writer, path, engine, String(bytes), ...(options.trigger === undefined ? [] : [options.trigger])],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        ...(options.preload !== undefined && { LD_PRELOAD: options.preload, EIO_WHEN: options.trigger }),
      },
    },
  );
  const lines: string[] = [];
  let acked = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    if (line.startsWith('acked ')) acked = Number(line.slice(6));
    if (options.kill?.(acked) === true) child.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      resolve({
        acked,
        lines,
        ended: signal === 'SIGKILL' ? 'killed' : `${code} ${signal}`,
      });
    });
  });
}

function storyAt(steps: number, bytes: number): Story {
  let story: Story = { log: [], term: 0 };
  for (let step = 1; step <= steps; step++) story = nextStep(story, step, bytes).story;
  return story;
}

/** What is on disk is the story at the last acknowledged step or the one that was under way. */
async function matchesStory(
  path: string,
  engine: DiskEngine,
  acked: number,
  bytes: number,
): Promise<string | null> {
  const node = await openNode(path, engine);
  try {
    await node.log.verifyAll();
    const { lastIndex, hardState } = await loaded(node.log);
    const found = JSON.stringify(
      plain(lastIndex === 0 ? [] : await readEntries(node.log, 1, lastIndex)),
      bigints,
    );
    for (const steps of [acked, acked + 1]) {
      const { log, term } = storyAt(steps, bytes);
      if (found === JSON.stringify(plain(log), bigints) && hardState.term === term) return null;
    }
    return `after step ${acked}: ${lastIndex} entries in term ${hardState.term}`;
  } finally {
    await node.close();
  }
}

const bigints = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;

for (const engine of diskEngines) {
  test.serial(
    `${engine}: kill -9 between and within synced batches loses nothing that was acknowledged`,
    async (t) => {
      const random = seeded(99);
      for (let round = 0; round < 3; round++) {
        const path = temporaryDirectory();
        const target = 3 + random(60);
        const { acked, ended } = await run(path, engine, 100, { kill: (steps) => steps >= target });
        t.is(ended, 'killed');
        t.true(acked >= target);
        t.is(await matchesStory(path, engine, acked, 100), null);
      }
    },
  );
}

test.serial('kill -9 while a directory is born leaves one that can be born again or opened', async (t) => {
  const random = seeded(5);
  const parts = ['VERSION', 'identity', 'guard', 'witness', 'raft/CURRENT', 'ledger/CURRENT'];
  for (const [round, part] of parts.entries()) {
    const engine = diskEngines[round % diskEngines.length] ?? 'leveldb';
    const path = join(temporaryDirectory(), 'd');
    const child = spawn(process.execPath, [writer, path, engine, '10'], { stdio: 'ignore' });
    await until(() => existsSync(join(path, part)));
    await new Promise((resolve) => setTimeout(resolve, random(4)));
    const gone = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGKILL');
    await gone;
    const node = await openNode(path, engine);
    t.is(node.identity.nodeId, 'n1');
    await node.log.verifyAll();
    await node.close();
  }
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

// ------------------------------------------------------------------------------------------------------- I/O errors

const SHIM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int broken(void) { const char *f = getenv("EIO_WHEN"); return f && access(f, F_OK) == 0; }
int fdatasync(int fd) {
  static int (*real)(int);
  if (broken()) { errno = EIO; return -1; }
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return real(fd);
}
`;

const shimDirectory = temporaryDirectory();
const shim = join(shimDirectory, 'shim.so');
const noCompiler = ((): string | null => {
  if (process.platform !== 'linux') return 'LD_PRELOAD is a Linux means';
  writeFileSync(join(shimDirectory, 'shim.c'), SHIM);
  const built = spawnSync('cc', ['-shared', '-fPIC', '-o', shim, join(shimDirectory, 'shim.c'), '-ldl']);
  return built.status === 0 ? null : 'cc is not installed (apt-get install gcc libc6-dev)';
})();

for (const engine of diskEngines) {
  const title = `${engine}: EIO from fdatasync surfaces once, and nothing is acknowledged after it`;
  const body = test.macro(async (t) => {
    const path = temporaryDirectory();
    const trigger = join(shimDirectory, `broken-${engine}`);
    const { acked, lines, ended } = await run(path, engine, 200, { trigger, preload: shim });
    t.is(ended, '3 null', 'it ended by itself');
    t.is(acked, 20);
    const after = lines.filter((line) => !line.startsWith('acked '));
    t.regex(after[0] ?? '', /^failed STORAGE_FAILED: .*(I\/O|Input\/output|EIO)/i);
    t.deepEqual(after.slice(1), Array(3).fill('refused STORAGE_FAILED'));
    t.is(await matchesStory(path, engine, acked, 200), null);
  });
  if (noCompiler === null) test.serial(title, body);
  else test.skip(`${title} (${noCompiler})`, body);
}

// --------------------------------------------------------------------------------------------------------- no space

const mountPoint = join(temporaryDirectory(), 'small');
const mount = (options: string): string | null => {
  mkdirSync(mountPoint, { recursive: true });
  const done = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', mountPoint], { encoding: 'utf8' });
  return done.status === 0 ? null : `cannot mount a tmpfs: ${done.stderr.trim() || 'no mount command'}`;
};
const noMount = mount('size=1m');
if (noMount === null) execFileSync('umount', [mountPoint]);

for (const engine of diskEngines) {
  const title = `${engine}: a full disk says so; with space again the node starts and has all it acknowledged`;
  const body = test.macro(async (t) => {
    t.is(mount('size=8m'), null);
    try {
      const path = join(mountPoint, 'd');
      const { acked, lines, ended } = await run(path, engine, 30_000);
      t.true(ended === '3 null' || ended === 'killed', `it ended by itself: ${ended}`);
      const after = lines.filter((line) => !line.startsWith('acked '));
      t.regex(after[0] ?? '', /^failed STORAGE_FAILED: .*disk is full: free space.*restart/);
      t.deepEqual(after.slice(1), Array(3).fill('refused STORAGE_FAILED'));
      t.true(acked > 10);
      t.is(mount('remount,size=40m'), null);
      t.is(await matchesStory(path, engine, acked, 30_000), null);
    } finally {
      execFileSync('umount', ['-l', mountPoint]);
    }
  });
  if (noMount === null) test.serial(title, body);
  else test.skip(`${title} (${noMount})`, body);
}

const roomless = test.macro(async (t) => {
  t.is(mount('size=64k'), null);
  try {
    const error = await t.throwsAsync(openNode(join(mountPoint, 'd'), diskEngines[0] ?? 'leveldb'), {
      code: 'STORAGE_FAILED',
    });
    t.regex(error.message, /disk is full/);
    t.is(readFileSync(join(mountPoint, 'd', 'VERSION'), 'utf8'), 'creating\n');
    rmSync(join(mountPoint, 'd'), { recursive: true });
  } finally {
    execFileSync('umount', ['-l', mountPoint]);
  }
});
const roomlessTitle = 'a disk without room for a new directory is named as full';
if (noMount === null) test.serial(roomlessTitle, roomless);
else test.skip(`${roomlessTitle} (${noMount})`, roomless);
