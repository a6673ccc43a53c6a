/** PEM (RFC 7468): the text form of DER in key and certificate files. */

export type PemLabel =
  'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'PRIVATE KEY' | 'ENCRYPTED PRIVATE KEY' | 'PUBLIC KEY';

export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array;
}

export function encodePem(label: PemLabel, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** Every block of the text, in order; text between blocks is explanation and is skipped. */
export function decodePem(text: string): readonly PemBlock[] {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\s([A-Za-z0-9+/=\s]*)-----END \1-----/g);
  return Array.from(blocks, ([, label = '', body = '']) => ({
    label,
    der: new Uint8Array(Buffer.from(body, 'base64')),
  }));
}

/** The DER of each block of one label, e.g. all certificates of a bundle. */
export const pemContents = (text: string, label: PemLabel): readonly Uint8Array[] =>
  decodePem(text)
    .filter((block) => block.label === label)
    .map((block) => block.der);
