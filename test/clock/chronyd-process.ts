/** A real chronyd for one test, stopped and cleared away with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { chronydPath, clientIn, serverIn } from './chronyd-launcher.js';
import type { Chronyd, ServerFiles } from './chronyd-launcher.js';

export { KEY, freePort } from './chronyd-launcher.js';

const missing = ' (chronyd is not installed; Debian: apt install chrony)';

export function chronyTest(title: string, implementation: (t: ExecutionContext) => Promise<void>): void {
  if (chronydPath === undefined) test.skip(title + missing, implementation);
  else test(title, implementation);
}

function ownDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'taa-chronyd-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function run(t: ExecutionContext, server: Chronyd): Promise<void> {
  t.teardown(() => server.stop());
  await server.start();
}

export interface ChronydServer extends ServerFiles {
  /** Of its files: the NTS keys that it keeps over a restart are `ntskeys`. */
  readonly directory: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Serves this host's clock as stratum 1: plain, with `KEY`, and with NTS if asked. */
export async function chronydServer(t: ExecutionContext, nts = false): Promise<ChronydServer> {
  const directory = ownDirectory(t);
  const { server, files } = await serverIn(directory, nts);
  await run(t, server);
  return { ...files, directory, stop: () => server.stop(), start: () => server.start() };
}

/** Follows a server without touching the host's clock. */
export async function chronydClient(
  t: ExecutionContext,
  serverPort: number,
): Promise<{ commandPort: number; stop(): Promise<void> }> {
  const { client, commandPort } = await clientIn(ownDirectory(t), serverPort);
  await run(t, client);
  return { commandPort, stop: () => client.stop() };
}
