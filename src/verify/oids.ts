/**
 * Object identifiers: those of the standards, and our own arc. Ours stands under 2.25 (ITU-T X.667), where whoever makes
 * a UUID owns the arc of its number; an operator names its own policies and sources in the replicated policy instead.
 */

/** `{joint-iso-itu-t(2) uuid(25) c1d9ee45-3341-479e-80ac-0d7cd6cf9342}` */
export const taaArc = '2.25.257672564300882357538667271092805014338';

export const taaOids = {
  /** Content type of the time-audit statement. */
  timeAuditStatement: `${taaArc}.1.1`,
  /** Policy of a laboratory: no claim of traceability to UTC(NICT). */
  testPolicy: `${taaArc}.2.1`,
  /** Policy of a production cluster that has not been given one of its own. */
  defaultPolicy: `${taaArc}.2.2`,
  /** The laboratory's reference clock, which is not UTC(NICT). */
  labReference: `${taaArc}.3.1`,
  /** Extended key usage of the key that signs time-audit statements. */
  statementSigning: `${taaArc}.4.1`,
} as const;

export const oids = {
  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  p384: '1.3.132.0.34',
  rsaEncryption: '1.2.840.113549.1.1.1',
  ed25519: '1.3.101.112',
  ecdsaSha256: '1.2.840.10045.4.3.2',
  ecdsaSha384: '1.2.840.10045.4.3.3',
  rsaSha256: '1.2.840.113549.1.1.11',
  sha256: '2.16.840.1.101.3.4.2.1',

  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  country: '2.5.4.6',

  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',

  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',

  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
} as const;
