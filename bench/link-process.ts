/** The lines between the sites, in a process of their own: what they cost is neither the servers' nor the client's. */

import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { LinkProxy } from '../src/lab/link-proxy.js';
import { median } from './statistics.js';

/** Opens so many lines; the answer is their ports. Where they lead is told later, each by its position. */
export type ToLinks =
  | { readonly kind: 'open'; readonly count: number; readonly delayMs: number }
  | { readonly kind: 'lead'; readonly line: number; readonly port: number };

export interface FromLinks {
  readonly ports: readonly number[];
  /** What a byte and its answer take through such a line, as measured here: timers are late. */
  readonly roundTripMs: number;
}

const ROUND_TRIPS = 15;

const targets: number[] = [];

async function open(count: number, delayMs: number): Promise<FromLinks> {
  const lines = await Promise.all(
    Array.from({ length: count }, (_, line) => LinkProxy.start(() => targets[line] ?? null)),
  );
  for (const line of lines) line.delay(delayMs);
  return { ports: lines.map(({ port }) => port), roundTripMs: await roundTrip(delayMs) };
}

/** Through a line of its own to an echo. */
async function roundTrip(delayMs: number): Promise<number> {
  const echo = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  const line = await LinkProxy.start(() => (echo.address() as AddressInfo).port);
  line.delay(delayMs);
  const socket = connect(line.port, '127.0.0.1').setNoDelay(true);
  const times: number[] = [];
  for (let trip = 0; trip <= ROUND_TRIPS; trip++) {
    const begun = performance.now();
    const back = new Promise((resolve) => socket.once('data', resolve));
    socket.write('x');
    await back;
    // The first one also opened the connection.
    if (trip > 0) times.push(performance.now() - begun);
  }
  socket.destroy();
  await line.close();
  echo.close();
  return median(times);
}

process.on('message', (message: ToLinks) => {
  if (message.kind === 'lead') targets[message.line] = message.port;
  else void open(message.count, message.delayMs).then((answer) => process.send?.(answer));
});
// The bench has ended, however it did.
process.on('disconnect', () => process.exit());
