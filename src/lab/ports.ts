/** Free ports on loopback: asked from the system all at once, so that no two are the same. */

import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

/**
 * They are free when returned; someone else may take one before it is used, so a start that finds a port in use is tried
 * again with others.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}
