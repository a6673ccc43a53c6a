/**
 * Import of PKCS#12 files (RFC 7292), as commercial authorities and browsers hand out keys. Read only: node-forge writes
 * an HMAC-SHA-1 MAC. The container is decoded by node-forge; the key and the certificates come out as DER and are
 * judged by our own readers, like any others.
 */

import { createPrivateKey, type KeyObject } from 'node:crypto';
import forge from 'node-forge';
import { equalBytes } from '../verify/bytes.js';
import { parseCertificate, type Certificate } from '../verify/x509.js';
import { spkiOf } from './signer.js';

export class Pkcs12Error extends Error {
  readonly code = 'PKCS12_UNREADABLE';
  override readonly name = 'Pkcs12Error';
}

export interface Pkcs12Contents {
  readonly key: KeyObject;
  /** The certificate of the key. */
  readonly certificate: Certificate;
  /** The others in the file. */
  readonly authorities: readonly Certificate[];
}

/** @throws Pkcs12Error, or CertificateError when a certificate is outside the allow-list */
export function readPkcs12(file: Uint8Array, passphrase: string): Pkcs12Contents {
  const bags = openContainer(file, passphrase);
  const keys = bags.filter(
    (bag) => bag.type === forge.pki.oids['pkcs8ShroudedKeyBag'] || bag.type === forge.pki.oids['keyBag'],
  );
  const [keyBag] = keys;
  if (!keyBag || keys.length > 1)
    throw new Pkcs12Error(`the file holds ${keys.length} keys; export exactly one`);
  const key = toKey(keyBag);
  const spki = spkiOf(key);
  const certificates = bags
    .filter((bag) => bag.type === forge.pki.oids['certBag'])
    .map((bag) => parseCertificate(certificateDer(bag)));
  const certificate = certificates.find((candidate) => equalBytes(candidate.spki, spki));
  if (!certificate)
    throw new Pkcs12Error('the file holds no certificate of its key; export the two together');
  return { key, certificate, authorities: certificates.filter((candidate) => candidate !== certificate) };
}

function openContainer(file: Uint8Array, passphrase: string): readonly forge.pkcs12.Bag[] {
  try {
    const asn1 = forge.asn1.fromDer(forge.util.createBuffer(Buffer.from(file)));
    return forge.pkcs12
      .pkcs12FromAsn1(asn1, true, passphrase)
      .safeContents.flatMap((contents) => contents.safeBags);
  } catch (cause) {
    throw new Pkcs12Error('not a PKCS#12 file, or the passphrase is wrong', { cause });
  }
}

/** node-forge knows RSA keys as numbers and leaves all others as ASN.1. */
function toKey(bag: forge.pkcs12.Bag): KeyObject {
  const info = bag.key ? forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(bag.key)) : bag.asn1;
  try {
    return createPrivateKey({ key: Buffer.from(derOf(info)), format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new Pkcs12Error('the key in the file is of no kind that is known here; use ECDSA P-256', { cause });
  }
}

function certificateDer(bag: forge.pkcs12.Bag): Uint8Array {
  return derOf(bag.cert ? forge.pki.certificateToAsn1(bag.cert) : bag.asn1);
}

const derOf = (asn1: forge.asn1.Asn1): Uint8Array =>
  new Uint8Array(Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'binary'));
