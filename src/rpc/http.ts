/**
 * The plain HTTP listener of operations: /livez (the process answers), /readyz (the node does its work; otherwise why not)
 * and /metrics. No secrets and no client data; whoever reaches the port may read.
 */

import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './metrics.js';
import { ListenError } from './listen-error.js';
import type { HostPort } from './listen-error.js';

export interface OperationsListener {
  readonly port: number;
  close(): Promise<void>;
}

export interface OperationsOptions {
  readonly listen: HostPort;
  readonly metrics: Metrics;
  /** Reasons of the closed list for which the node is not ready; none when it is. */
  readonly unready: () => readonly string[];
}

/** @throws ListenError */
export async function startOperationsListener(options: OperationsOptions): Promise<OperationsListener> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 8_192 });
  server.maxConnections = 64;
  server.on('request', (request, response) => {
    answer(options, request, response).catch(() => {
      response.destroy(); // the scraper sees a broken answer, never half of one that looks whole
    });
  });
  const { host, port } = options.listen;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(new ListenError('metrics', options.listen, error));
    });
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  { metrics, unready }: OperationsOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const reply = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    reply(405, 'use GET\n');
    return;
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/livez':
      reply(200, 'ok\n');
      return;
    case '/readyz': {
      const reasons = unready();
      reply(reasons.length === 0 ? 200 : 503, reasons.length === 0 ? 'ok\n' : `${reasons.join('\n')}\n`);
      return;
    }
    case '/metrics':
      reply(200, await metrics.render(), metrics.contentType);
      return;
    default:
      reply(404, 'there are /livez, /readyz and /metrics\n');
  }
}
