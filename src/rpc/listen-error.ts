/** A listener could not be opened: an operator's mistake, told with address, cause and remedy. */

export interface HostPort {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

export const addressText = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

const causes: readonly (readonly [RegExp, string])[] = [
  [/EADDRINUSE/, 'the port is in use; stop the other program or choose another port'],
  [/EADDRNOTAVAIL/, 'this machine does not have the address; choose one of its own addresses'],
  [/EACCES|EPERM/, 'this user may not open the port; choose one above 1023'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution/i, 'the host name is not known; use an IP address'],
];

export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'LISTEN_FAILED';

  constructor(listener: string, address: HostPort, cause: Error) {
    const known = causes.find(([pattern]) => pattern.test(cause.message))?.[1];
    super(
      `cannot listen on ${addressText(address)} for ${listener}: ${known ?? cause.message} (listen.${listener})`,
      {
        cause,
      },
    );
  }
}
