/**
 * Who speaks: identities are URIs `taa://<clusterId>/<role>/<name>` in the subject alternative name of a certificate.
 *
 * The invariant: an identity has exactly one text, and a text at most one identity (lower case, no escapes, no empty
 * parts), so that comparing texts is comparing identities.
 */

export const roles = ['node', 'admin', 'operator', 'security-officer', 'auditor', 'client'] as const;

export type Role = (typeof roles)[number];

export interface Identity {
  /** DNS-like name of the cluster, e.g. `taa.example.jp`: lower case, at most 253 characters. */
  readonly clusterId: string;
  readonly role: Role;
  /** Lower-case letters, digits, `.`, `_`, `-`; starts and ends with a letter or digit; at most 64 characters. */
  readonly name: string;
}

export class IdentityError extends Error {
  readonly code = 'IDENTITY_MALFORMED';
  override readonly name = 'IdentityError';
}

const clusterPattern =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const namePattern = /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/;

export const isClusterId = (text: string): boolean => clusterPattern.test(text);
export const isIdentityName = (text: string): boolean => namePattern.test(text);
export const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text);

/** @throws IdentityError when a part is not allowed */
export function formatIdentity(identity: Identity): string {
  const { clusterId, role, name } = identity;
  if (!isClusterId(clusterId)) {
    throw new IdentityError(`cluster id ${quote(clusterId)} is not a DNS-like name in lower case`);
  }
  if (!isRole(role)) throw new IdentityError(`role ${quote(role)} is none of ${roles.join(', ')}`);
  if (!isIdentityName(name)) {
    throw new IdentityError(
      `name ${quote(name)} may hold lower-case letters, digits, '.', '_' and '-', up to 64`,
    );
  }
  return `taa://${clusterId}/${role}/${name}`;
}

/** @throws IdentityError when the text is not the one text of an identity */
export function parseIdentity(uri: string): Identity {
  const match = /^taa:\/\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(uri);
  const [, clusterId = '', role = '', name = ''] = match ?? [];
  if (!match || !isClusterId(clusterId) || !isRole(role) || !isIdentityName(name)) {
    throw new IdentityError(`${quote(uri)} is not an identity of the form taa://<clusterId>/<role>/<name>`);
  }
  return { clusterId, role, name };
}

export const sameIdentity = (a: Identity, b: Identity): boolean =>
  a.clusterId === b.clusterId && a.role === b.role && a.name === b.name;

const quote = (text: string): string => JSON.stringify(text.slice(0, 120));
