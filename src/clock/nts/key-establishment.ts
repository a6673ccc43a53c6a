/**
 * NTS key establishment over TLS 1.3 (RFC 8915 §4): one connection, one request, one answer, keys from the TLS exporter.
 *
 * Runs on the main thread: a handshake takes milliseconds of computation, which the clock's own thread must not spend.
 * The connection keeps to the allow-list like every other; only what it agrees upon (AES-SIV) is an exception.
 */

import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { tlsProfile } from '../../verify/allow-list.js';
import {
  AES_SIV_CMAC_256,
  MAX_KE_BYTES,
  NTPV4_PROTOCOL,
  decodeKeResponse,
  encodeKeRequest,
  keMessageComplete,
} from '../core/nts-records.js';
import { SIV_KEY_BYTES } from './aead.js';
import type { NtsKeys } from './session.js';

const ALPN = 'ntske/1';
const EXPORTER = 'EXPORTER-network-time-security';
const TIMEOUT_MS = 5_000;

export interface NtsServer {
  /** Name in the server's certificate. */
  readonly server: string;
  /** TCP port, usually 4460. */
  readonly port: number;
  /** PEM of the authorities that may vouch for it; null for those that Node ships. */
  readonly ca: string | null;
}

export interface Establishment {
  readonly keys: NtsKeys;
  /** Where to ask for the time. */
  readonly host: string;
  readonly port: number;
}

export type EstablishmentResult =
  | { readonly ok: true; readonly established: Establishment }
  | { readonly ok: false; readonly detail: string };

/** RFC 8915 §4.3: protocol, algorithm, direction (0 client to server, 1 back). */
function exporterContext(direction: 0 | 1): Buffer {
  return Buffer.from([0, NTPV4_PROTOCOL, 0, AES_SIV_CMAC_256, direction]);
}

function exportKey(socket: TLSSocket, direction: 0 | 1): Uint8Array {
  return new Uint8Array(socket.exportKeyingMaterial(SIV_KEY_BYTES, EXPORTER, exporterContext(direction)));
}

function conclude(socket: TLSSocket, answer: Uint8Array, server: string): EstablishmentResult {
  const agreed = decodeKeResponse(answer);
  if (!agreed.ok) return { ok: false, detail: `${agreed.detail} (${agreed.reason})` };
  return {
    ok: true,
    established: {
      keys: {
        clientToServer: exportKey(socket, 0),
        serverToClient: exportKey(socket, 1),
        cookies: agreed.cookies,
      },
      host: agreed.server ?? server,
      port: agreed.port ?? 123,
    },
  };
}

/** Never rejects: what went wrong is told in a sentence. Ends after five seconds at the latest. */
export function establishKeys({ server, port, ca }: NtsServer): Promise<EstablishmentResult> {
  return new Promise((resolve) => {
    const socket = connect({
      host: server,
      port,
      ...(isIP(server) === 0 ? { servername: server } : {}),
      ...(ca === null ? {} : { ca }),
      ALPNProtocols: [ALPN],
      minVersion: tlsProfile.version,
      maxVersion: tlsProfile.version,
      ciphers: tlsProfile.cipherSuites.join(':'),
      ecdhCurve: tlsProfile.groups.join(':'),
    });
    let received = Buffer.alloc(0);
    const finish = (result: EstablishmentResult): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(result);
    };
    const fail = (detail: string): void => finish({ ok: false, detail: `${server}:${port}: ${detail}` });
    const deadline = setTimeout(() => fail('no complete answer within five seconds'), TIMEOUT_MS);
    socket.on('error', (error: Error) => fail(error.message));
    socket.on('close', () => fail('the server closed the connection'));
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol !== ALPN) fail('the server does not speak ntske/1 on this port');
      else socket.write(encodeKeRequest());
    });
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > MAX_KE_BYTES) fail('the answer is too long');
      else if (keMessageComplete(received)) finish(conclude(socket, received, server));
    });
  });
}
