/** How a simulated cluster is born, and the acts of its administrator. */
import { actToBeSigned, deviceIdOf, encodeAct } from '../../src/authority/acts.js';
import type { Act } from '../../src/authority/acts.js';
import type { SignedCommandSubmission } from '../../src/rpc/doors.js';
import { NS_PER_S, taiNs } from '../../src/time/types.js';
import { bytesOf } from '../../src/verify/bytes.js';
import { sha256 } from '../../src/verify/crypto.js';
import type { CborValue } from '../../src/verify/cbor.js';
import type { Genesis } from '../../src/verify/genesis.js';
import { simulatedSign } from './signatures.js';
import { WORLD_START_TAI } from './units.js';

export const CLUSTER = 'simulated.taa.example';
const ADMINISTRATOR_KEY = bytesOf('spki of the administrator');

/** A key that no weak-key check refuses: the name's hash with a harmless last byte. */
function keyOf(name: string): Uint8Array {
  const key = sha256(bytesOf(name));
  key[31] = 0x2a;
  return key;
}

export const clientKey = (name: string): Uint8Array => bytesOf(`spki of ${name}`);

export function makeGenesis(nodes: number): Genesis {
  const quorum = Math.floor(nodes / 2) + 1;
  const audit = new Map<string, CborValue>([
    ['interval', 500_000_000],
    ['lease', 1_500_000_000],
    ['voidAfter', 3_000_000_000],
  ]);
  return {
    clusterId: CLUSTER,
    lab: true,
    createdAt: taiNs(WORLD_START_TAI),
    taiMinusUtc: 37,
    members: Array.from({ length: nodes }, (_, i) => {
      const id = `n${i + 1}`;
      return {
        id,
        site: `site${i + 1}`,
        kind: 'full' as const,
        issuingKey: keyOf(`issuing ${id}`),
        issuingCertificate: keyOf(`issuing ${id}`),
        logKey: keyOf(`log ${id}`),
        tlsIdentity: `taa://${CLUSTER}/node/${id}`,
      };
    }),
    administrators: [{ name: 'administrator', role: 'admin', spki: ADMINISTRATOR_KEY }],
    trustAnchors: [],
    // Clocks do not ask each other here: a later sample of the reference confirms.
    policy: new Map<string, CborValue>([
      ['audit', audit],
      ['confirmBy', 'reference'],
    ]),
    trust: { quorum, distinctSites: quorum },
  };
}

/** A command that the administrator signed; `nonce` names it. */
export function signedAct(act: Act, nonce: Uint8Array): SignedCommandSubmission {
  const statement = encodeAct({
    cluster: CLUSTER,
    nonce,
    expires: taiNs(WORLD_START_TAI + 3600n * NS_PER_S),
    act,
  });
  return {
    statement,
    signer: 'administrator',
    algorithm: 'ecdsa-p256-sha256',
    signature: simulatedSign(ADMINISTRATOR_KEY, actToBeSigned(statement)),
    body: new Uint8Array(0),
    bodySalt: new Uint8Array(0),
  };
}

export function registrationOf(name: string): { command: SignedCommandSubmission; device: string } {
  const nonce = sha256(bytesOf(`registration of ${name}`)).slice(0, 16);
  const act: Act = {
    command: 'registerClient',
    subscriber: 'subscriber',
    identity: `taa://${CLUSTER}/client/${name}`,
    spki: clientKey(name),
    policy: {},
    details: null,
  };
  return { command: signedAct(act, nonce), device: deviceIdOf(nonce) };
}
