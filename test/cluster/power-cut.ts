/**
 * Disks whose power can be cut: a small ext4 on a loop mount, shut down by the file system's own ioctl without writing back
 * anything. What was fdatasync'ed is there afterwards, what was not is gone. Needs root, loop devices and a C compiler.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH. */
const SHUTDOWN_PROGRAM = `
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
int main(int argc, char **argv) {
  unsigned flags = 2;
  int fd = open(argv[1], O_RDONLY);
  if (fd < 0 || ioctl(fd, 0x8004587DUL, &flags) < 0) { perror(argv[1]); return 1; }
  return 0;
}
`;

function run(command: string, ...args: readonly string[]): void {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${result.stderr || String(result.error)}`);
}

export class PowerCutDisks {
  readonly #directory: string;
  readonly #mounted = new Map<string, string>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Null, with the reason, where such disks cannot be made. */
  static open(): { readonly disks: PowerCutDisks } | { readonly unavailable: string } {
    const directory = mkdtempSync(join(tmpdir(), 'taa-power-'));
    const disks = new PowerCutDisks(directory);
    try {
      writeFileSync(join(directory, 'shutdown.c'), SHUTDOWN_PROGRAM);
      run('cc', '-o', join(directory, 'shutdown'), join(directory, 'shutdown.c'));
      disks.mount('probe', join(directory, 'probe'));
      disks.cut('probe');
      disks.unmount('probe');
      return { disks };
    } catch (error) {
      disks.close();
      return { unavailable: `no disk whose power can be cut: ${(error as Error).message.split('\n')[0]}` };
    }
  }

  /** Makes a disk and mounts it, or mounts again one that exists. */
  mount(name: string, path: string, megabytes = 96): void {
    const image = join(this.#directory, `${name}.img`);
    mkdirSync(path, { recursive: true });
    if (spawnSync('test', ['-f', image]).status !== 0) {
      run('truncate', '-s', `${megabytes}M`, image);
      run('mkfs.ext4', '-q', '-F', image);
    }
    run('mount', '-o', 'loop', image, path);
    this.#mounted.set(name, path);
  }

  /** The power fails. The processes that use the disk must be dead. */
  cut(name: string): void {
    run(join(this.#directory, 'shutdown'), this.#pathOf(name));
  }

  unmount(name: string): void {
    run('umount', this.#pathOf(name));
    this.#mounted.delete(name);
  }

  /** Throws the disk away: the next mount of this name finds an empty one. */
  discard(name: string): void {
    const path = this.#mounted.get(name);
    if (path !== undefined) spawnSync('umount', ['-l', path]);
    this.#mounted.delete(name);
    rmSync(join(this.#directory, `${name}.img`), { force: true });
  }

  close(): void {
    for (const path of this.#mounted.values()) spawnSync('umount', ['-l', path]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #pathOf(name: string): string {
    const path = this.#mounted.get(name);
    if (path === undefined) throw new Error(`${name} is not mounted`);
    return path;
  }
}
