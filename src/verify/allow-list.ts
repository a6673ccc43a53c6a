/**
 * The one list of cryptography that this system uses, and for what: CRYPTREC LS-0001-2022R2, the ciphers recommended
 * for e-Government. Checked at start-up, at every handshake and at every signature; what is not listed is refused.
 *
 * The criteria for Time Assessment Authorities name the list of 1 March 2013. Everything below except EdDSA is on that
 * edition too; EdDSA signs log checkpoints only, so that public transparency tools can verify them.
 */

/** What an algorithm may be used for. */
export type CryptoUse =
  | 'tls'
  | 'certificate'
  | 'statement'
  | 'command'
  | 'checkpoint'
  | 'hash'
  | 'mac'
  | 'key-protection'
  | 'key-agreement';

export interface AllowedAlgorithm {
  readonly name: string;
  /** The entry of the CRYPTREC list that it belongs to. */
  readonly listed: string;
  readonly uses: readonly CryptoUse[];
  /** Also recommended by the edition of 1 March 2013. */
  readonly in2013: boolean;
  /** Security strength in bits as the CRYPTREC key-length standard (LS-0003) counts it. */
  readonly strength: number;
}

export const allowList = {
  edition: 'CRYPTREC LS-0001-2022R2',
  issued: '2023-03-30',
  updated: '2026-03-30',
  keyLengths: 'CRYPTREC LS-0003-2022R1',
  algorithms: [
    signature('ecdsa-p256-sha256', 'ECDSA', 128, true, ['tls', 'certificate', 'statement', 'command']),
    signature('ecdsa-p384-sha384', 'ECDSA', 192, true, ['tls', 'certificate', 'command']),
    signature('rsa-pkcs1-sha256', 'RSASSA-PKCS1-v1_5', 128, true, ['certificate', 'command']),
    signature('rsa-pss-sha256', 'RSA-PSS', 128, true, ['tls']),
    signature('ed25519', 'EdDSA', 128, false, ['checkpoint']),
    entry('ecdh-p256', 'ECDH', 128, ['tls', 'key-agreement']),
    entry('ecdh-p384', 'ECDH', 192, ['tls']),
    entry('aes-128-gcm', 'AES with GCM', 128, ['tls']),
    entry('aes-256-gcm', 'AES with GCM', 256, ['tls']),
    entry('aes-256-cbc', 'AES with CBC', 256, ['key-protection']),
    entry('sha-256', 'SHA-256', 128, ['hash', 'tls', 'certificate', 'statement', 'checkpoint']),
    entry('sha-384', 'SHA-384', 192, ['hash', 'tls', 'certificate']),
    entry('hmac-sha-256', 'HMAC', 128, ['mac', 'key-protection', 'key-agreement', 'tls']),
    entry('hmac-sha-384', 'HMAC', 192, ['mac', 'tls']),
    entry('aes-128-cmac', 'CMAC', 128, ['mac']),
    entry('aes-256-cmac', 'CMAC', 256, ['mac']),
  ] as readonly AllowedAlgorithm[],
} as const;

/** Cryptography outside of the list, each with the one place that may use it and why. Its use is on record. */
export const allowListExceptions = [
  {
    name: 'nts-monitor',
    algorithm: 'AEAD_AES_SIV_CMAC_256 (RFC 5297)',
    use: 'authentication of time monitors by Network Time Security (RFC 8915)',
    reason:
      'no other algorithm is mandatory in NTS, and AES-SIV is on no CRYPTREC list; a monitor never steers the clock, ' +
      'enters no certificate and can at most stop the service',
  },
] as const;

/** What both ends of every TLS connection are configured with; names as OpenSSL spells them. */
export const tlsProfile = {
  version: 'TLSv1.3',
  cipherSuites: ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256'],
  groups: ['P-256', 'P-384'],
  signatureAlgorithms: [
    'ecdsa_secp256r1_sha256',
    'ecdsa_secp384r1_sha384',
    'rsa_pss_rsae_sha256',
    'rsa_pkcs1_sha256',
  ],
} as const;

export class AlgorithmNotAllowedError extends Error {
  readonly code = 'ALGORITHM_NOT_ALLOWED';
  override readonly name = 'AlgorithmNotAllowedError';

  constructor(algorithm: string, use: CryptoUse, remedy: string) {
    super(
      `${algorithm} may not be used for ${use}: ${allowList.edition} as applied here does not allow it; ${remedy}`,
    );
  }
}

/** @throws AlgorithmNotAllowedError when the list does not hold `name` for `use` */
export function requireAllowed(name: string, use: CryptoUse): AllowedAlgorithm {
  const found = allowList.algorithms.find(
    (algorithm) => algorithm.name === name && algorithm.uses.includes(use),
  );
  if (found) return found;
  const choice = allowList.algorithms.filter((algorithm) => algorithm.uses.includes(use)).map((a) => a.name);
  throw new AlgorithmNotAllowedError(name, use, `use one of ${choice.join(', ')}`);
}

export const isAllowed = (name: string, use: CryptoUse): boolean =>
  allowList.algorithms.some((algorithm) => algorithm.name === name && algorithm.uses.includes(use));

/** What a finished handshake says of itself. `group` is the key-exchange group, where the library tells it. */
export interface TlsSession {
  readonly version: string | null;
  readonly cipherSuite: string;
  readonly group?: string;
}

const opensslGroups: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp256r1: 'P-256',
  secp384r1: 'P-384',
};

/** @throws AlgorithmNotAllowedError for a session outside `tlsProfile` */
export function requireAllowedSession(session: TlsSession): void {
  const remedy = `offer ${tlsProfile.version} with ${tlsProfile.cipherSuites.join(' or ')} and ${tlsProfile.groups.join(' or ')}`;
  const refused = (what: string) => new AlgorithmNotAllowedError(what, 'tls', remedy);
  if (session.version !== tlsProfile.version) throw refused(session.version ?? 'an unfinished handshake');
  if (!(tlsProfile.cipherSuites as readonly string[]).includes(session.cipherSuite))
    throw refused(session.cipherSuite);
  if (session.group === undefined) return;
  const group = opensslGroups[session.group] ?? session.group;
  if (!(tlsProfile.groups as readonly string[]).includes(group)) throw refused(session.group);
}

function entry(name: string, listed: string, strength: number, uses: readonly CryptoUse[]): AllowedAlgorithm {
  return { name, listed, uses, in2013: true, strength };
}

function signature(
  name: string,
  listed: string,
  strength: number,
  in2013: boolean,
  uses: readonly CryptoUse[],
): AllowedAlgorithm {
  return { name, listed, uses, in2013, strength };
}
