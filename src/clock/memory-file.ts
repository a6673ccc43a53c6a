/**
 * The file in which the clock's memory survives a restart: written to a temporary name, synced, renamed, and the directory
 * synced, so that after a crash at any point either the old or the new memory is there, whole.
 *
 * Two lines: the JSON body (version, host, clocksource, memory) and its SHA-256. On another host or clocksource the drift
 * is dropped, because it belongs to an oscillator; what restricts (latch, epoch, high-water mark, back-off, budget) is
 * kept, because dropping it would permit. A damaged file may have hidden a latch: the clock then starts quarantined.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { decodeMemory, encodeMemory, freshMemory } from './core/memory.js';
import type { ClockMemory } from './core/memory.js';

const VERSION = 1;

/** The oscillator that a memory belongs to. */
export interface OscillatorIdentity {
  readonly host: string;
  readonly clocksource: string;
}

function readTrimmed(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

export function readOscillatorIdentity(): OscillatorIdentity {
  return {
    host: readTrimmed('/etc/machine-id') ?? hostname(),
    clocksource: readTrimmed('/sys/devices/system/clocksource/clocksource0/current_clocksource') ?? 'unknown',
  };
}

export interface LoadedMemory {
  readonly memory: ClockMemory;
  /** What was not taken over and why; null if all was, or if there was no file. */
  readonly problem: string | null;
}

const digest = (body: string): string => createHash('sha256').update(body).digest('hex');

/** An epoch that no earlier run can have reached by counting, for when the count is lost: minutes since 1970. */
function damaged(problem: string, wallNs: bigint): LoadedMemory {
  return { memory: { ...freshMemory, quarantined: true, epoch: Number(wallNs / 60_000_000_000n) }, problem };
}

function parseBody(body: string): { identity: OscillatorIdentity; memory: ClockMemory } | null {
  const parsed = JSON.parse(body) as {
    version?: unknown;
    host?: unknown;
    clocksource?: unknown;
    memory?: unknown;
  } | null;
  if (
    parsed?.version !== VERSION ||
    typeof parsed.host !== 'string' ||
    typeof parsed.clocksource !== 'string'
  )
    return null;
  const memory = decodeMemory(JSON.stringify(parsed.memory ?? null));
  return memory === null
    ? null
    : { identity: { host: parsed.host, clocksource: parsed.clocksource }, memory };
}

/** Judges the text of a memory file. */
export function interpretMemory(text: string, identity: OscillatorIdentity, wallNs: bigint): LoadedMemory {
  const [body, sum] = text.split('\n');
  if (body === undefined || sum !== digest(body)) {
    return damaged(
      'the clock memory is damaged (checksum); it was set aside and the clock is quarantined',
      wallNs,
    );
  }
  const parsed = parseBody(body);
  if (parsed === null) {
    return damaged(
      'the clock memory has another version or an impossible value; the clock is quarantined',
      wallNs,
    );
  }
  const same = parsed.identity.host === identity.host && parsed.identity.clocksource === identity.clocksource;
  if (same) return { memory: parsed.memory, problem: null };
  return {
    memory: { ...parsed.memory, driftPpb: null },
    problem: `the clock memory is of ${parsed.identity.host}/${parsed.identity.clocksource}; its drift was dropped`,
  };
}

/** Reads the memory; a missing file is a first start. Other failures to read count as damage. */
export function loadMemory(path: string, identity: OscillatorIdentity, wallNs: bigint): LoadedMemory {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { memory: freshMemory, problem: null };
    return damaged(
      `the clock memory ${path} cannot be read (${String(error)}); the clock is quarantined`,
      wallNs,
    );
  }
  return interpretMemory(text, identity, wallNs);
}

export function memoryText(memory: ClockMemory, identity: OscillatorIdentity): string {
  const body = `{"version":${VERSION},"host":${JSON.stringify(identity.host)},"clocksource":${JSON.stringify(identity.clocksource)},"memory":${encodeMemory(memory)}}`;
  return `${body}\n${digest(body)}\n`;
}

async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  // Crash here: the old memory is still in place under its name.
  await rename(temporary, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Writes memories one after another; of several waiting ones only the newest. */
export class MemoryWriter {
  readonly #path: string;
  readonly #identity: OscillatorIdentity;
  readonly #onFailure: (error: Error) => void;
  #waiting: ClockMemory | null = null;
  #running: Promise<void> | null = null;

  constructor(path: string, identity: OscillatorIdentity, onFailure: (error: Error) => void) {
    this.#path = path;
    this.#identity = identity;
    this.#onFailure = onFailure;
  }

  write(memory: ClockMemory): void {
    this.#waiting = memory;
    this.#running ??= this.#drain();
  }

  /** Resolves when nothing is waiting any more. */
  async flushed(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#waiting !== null) {
      const memory = this.#waiting;
      this.#waiting = null;
      try {
        await writeAtomically(this.#path, memoryText(memory, this.#identity));
      } catch (error) {
        this.#onFailure(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#running = null;
  }
}
