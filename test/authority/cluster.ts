/**
 * A state machine with everything that it needs and nothing behind it: cheap signatures, a cheap statement codec, and a
 * tree that is only counted. Commands go in by name; what came of them comes out.
 */

import { birthAuthority, restoreAuthority, type AuthorityDeps } from '../../src/authority/authority.js';
import { actToBeSigned, encodeAct, type Act } from '../../src/authority/acts.js';
import type { Applied, Authority, AuthorityEvent, Configuration } from '../../src/authority/api.js';
import { encodeCommand, type Command, type Happened } from '../../src/authority/commands.js';
import type { Audit, MeasurementFacts } from '../../src/authority/model.js';
import type { StatementCodec } from '../../src/authority/statements.js';
import { durNs, taiNs } from '../../src/time/types.js';
import { concat, equalBytes } from '../../src/verify/bytes.js';
import { decode, type CborMap } from '../../src/verify/cbor.js';
import { sha256, type SignatureVerifier } from '../../src/verify/crypto.js';
import { nodesOf } from '../../src/verify/checkpoint-policy.js';
import {
  checkpointText,
  cosignatureLine,
  cosignatureMessage,
  plainLine,
  plainMessage,
} from '../../src/verify/checkpoint.js';
import type { Genesis } from '../../src/verify/genesis.js';
import type { Member } from '../../src/verify/membership.js';
import { formatNote } from '../../src/verify/note.js';
import { encodeStatement } from '../../src/verify/statement.js';
import { describeConfiguration } from '../../src/raft/configuration.js';
import { encodeMembership, incarnationOf, type Learner, type Voter } from '../../src/raft/membership.js';
import { nodeId } from '../../src/raft/types.js';
import { Random, text } from '../verify/random.js';

export const MS = 1_000_000n;
export const S = 1_000_000_000n;
/** Cluster time at which the stories begin: 2026-11-18. */
export const START = 1_795_000_100n * S;
export const clusterId = 'taa.test';

/** A "key" is a secret that everyone here knows; a signature is a hash over it. */
export const keyOf = (name: string): Uint8Array => text(`key of ${name}`);
export const sign = (key: Uint8Array, message: Uint8Array): Uint8Array => sha256(concat([key, message]));

/** Lines of checkpoints are as long as Ed25519 makes them. */
const signLine = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  concat([sign(key, message), sign(key, message)]);

const cheapVerifier: SignatureVerifier = {
  verify: (algorithm, key, message, signature) =>
    equalBytes(signature, algorithm === 'ed25519' ? signLine(key, message) : sign(key, message)),
};

/** Content followed by a signature of 32 bytes; the certificate is the key. */
const cheapCodec: StatementCodec = {
  encode: encodeStatement,
  toBeSigned: (content) => content,
  assemble: (content, _certificate, signature) => concat([content, signature]),
  check: (der, content, certificate, verifier) =>
    equalBytes(der.subarray(0, -32), content) &&
    verifier.verify('ecdsa-p256-sha256', certificate, content, der.subarray(-32)),
  memberFault: ({ id, issuingKey, issuingCertificate }) =>
    equalBytes(issuingKey, issuingCertificate) ? null : `the issuing certificate of ${id} holds another key`,
};

export const deps: AuthorityDeps = { verifier: cheapVerifier, statements: cheapCodec };

const keysOf = (id: string) => ({
  issuingKey: keyOf(id),
  issuingCertificate: keyOf(id),
  logKey: sha256(keyOf(id)),
  tlsIdentity: `taa://${clusterId}/node/${id}`,
});

/** A member as it is ordered in. */
export const memberOf = (id: string, site: string, kind: Member['kind'] = 'full'): Member => ({
  ...keysOf(id),
  id,
  site,
  kind,
  tlsKey: keyOf(`tls ${id}`),
  address: `${id}.example:7401`,
});

/** The data directory of a node. */
export const directoryOf = (id: string): Uint8Array => sha256(text(`directory of ${id}`)).slice(0, 16);

export function genesisOf(lab = true): Genesis {
  const member = (id: string, site: string, kind: 'full' | 'witness' = 'full') => ({
    ...keysOf(id),
    id,
    site,
    kind,
  });
  const person = (name: string, role: Genesis['administrators'][number]['role']) => ({
    name,
    role,
    spki: keyOf(name),
  });
  return {
    clusterId,
    lab,
    createdAt: taiNs(START - 100n * S),
    taiMinusUtc: 37,
    members: [member('n1', 'tokyo'), member('n2', 'osaka'), member('w1', 'fukuoka', 'witness')],
    administrators: [
      person('ada', 'admin'),
      person('olga', 'operator'),
      person('sven', 'security-officer'),
      person('audrey', 'auditor'),
    ],
    trustAnchors: [text('root')],
    policy: new Map(),
    trust: { quorum: 2, distinctSites: 2 },
  };
}

export const runOf = (name: string): Uint8Array => sha256(text(`run ${name}`)).slice(0, 16);
export const sessionId = (name: string): Uint8Array => sha256(text(`session ${name}`)).slice(0, 16);

export interface Step extends Applied {
  readonly payload: Uint8Array;
  /** It is no command but a configuration of consensus. */
  readonly isConfiguration: boolean;
  readonly time: bigint;
  /** The answer to the proposer. */
  readonly accepted: boolean;
  readonly leaf: number | null;
  readonly reason: string;
  /** Records of this entry, decoded. */
  readonly records: readonly CborMap[];
}

export class Cluster {
  readonly genesis: Genesis;
  readonly deps: AuthorityDeps;
  readonly random = new Random(1);
  authority: Authority;
  now = START;
  index = 0;
  leaves: Uint8Array[];
  readonly steps: Step[] = [];

  constructor(genesis: Genesis = genesisOf(), using: AuthorityDeps = deps) {
    this.genesis = genesis;
    this.deps = using;
    const born = birthAuthority(genesis, using);
    this.authority = born.authority;
    this.leaves = [...born.leaves];
  }

  applyPayload(payload: Uint8Array, configuration?: Configuration): Step {
    this.index += 1;
    const time = taiNs(this.now);
    const entry =
      configuration === undefined
        ? { index: this.index, time, payload }
        : { index: this.index, time, payload, configuration };
    const applied = this.authority.apply(entry, this.leaves.length);
    this.leaves.push(...applied.leaves);
    const answer = applied.events.find((event) => event.kind === 'accepted' || event.kind === 'refused');
    const step: Step = {
      ...applied,
      payload,
      isConfiguration: configuration !== undefined,
      time: this.now,
      accepted: answer?.kind === 'accepted',
      leaf: answer?.kind === 'accepted' ? answer.leaf : null,
      reason: answer?.kind === 'refused' ? answer.reason : '',
      records: applied.leaves.map((leaf) => decode(leaf) as CborMap),
    };
    this.steps.push(step);
    return step;
  }

  /** Consensus commits a configuration. Learners are written `name:kind`. */
  configure(
    voters: readonly string[],
    learners: readonly string[] = [],
    outgoing: readonly string[] | null = null,
  ): Step {
    const participant = (id: string) => ({
      id: nodeId(id),
      site: '',
      incarnation: incarnationOf(directoryOf(id)),
    });
    const voter = (id: string): Voter => ({ ...participant(id), kind: 'full', priority: 0 });
    const learner = (written: string): Learner => {
      const [id = '', kind] = written.split(':');
      return kind === 'standby'
        ? { ...participant(id), kind }
        : { ...participant(id), kind: 'staging', becomes: { kind: 'full', priority: 0, replaces: null } };
    };
    const payload = encodeMembership({
      voters: voters.map(voter),
      outgoing: outgoing?.map(voter) ?? null,
      learners: learners.map(learner),
      retired: [],
    });
    return this.applyPayload(payload, describeConfiguration(payload));
  }

  /** A checkpoint over everything so far, signed by these. */
  checkpointBy(signers: readonly string[], size = this.leaves.length): Uint8Array {
    const policy = this.authority.checkpointPolicy(size);
    const checkpoint = {
      origin: policy.origin,
      size,
      root: sha256(text(`root ${size}`)),
      membership: policy.membership,
    };
    const nodes = nodesOf(policy).filter(({ name }) => signers.includes(name));
    return formatNote({
      text: checkpointText(checkpoint),
      signatures: nodes.flatMap((node) => [
        plainLine(policy, node, signLine(node.spki, plainMessage(checkpoint))),
        cosignatureLine(
          node,
          1_795_000_000,
          signLine(node.spki, cosignatureMessage(checkpoint, 1_795_000_000)),
        ),
      ]),
    });
  }

  attest(signers: readonly string[], size?: number): Step {
    const { version } = this.authority.membership().current;
    return this.propose('n1', {
      kind: 'membershipAttested',
      version,
      note: this.checkpointBy(signers, size),
    });
  }

  propose(node: string, command: Command, happened?: Happened): Step {
    return this.applyPayload(encodeCommand(node, this.random.bytes(16), command, happened));
  }

  /** A person's order, carried by a node. */
  order(signer: string, act: Act, options: Partial<SignedOptions> = {}): Step {
    return this.propose(options.carrier ?? 'n1', this.signed(signer, act, options));
  }

  signed(
    signer: string,
    act: Act,
    options: Partial<SignedOptions> = {},
  ): Extract<Command, { kind: 'signed' }> {
    const statement = encodeAct({
      cluster: options.cluster ?? clusterId,
      nonce: options.nonce ?? this.random.bytes(16),
      expires: taiNs(options.expires ?? this.now + 60n * S),
      act,
    });
    const key = options.key ?? keyOf(signer);
    return {
      kind: 'signed',
      statement,
      signature: sign(key, actToBeSigned(statement)),
      signer,
      algorithm: 'ecdsa-p256-sha256',
      body: options.body ?? new Uint8Array(0),
      bodySalt: options.bodySalt ?? new Uint8Array(0),
    };
  }

  /** A registered device with an open session, for stories that begin later. */
  device(name: string): string {
    this.order('ada', registration(name));
    const device = this.authority.deviceByIdentity(`taa://${clusterId}/client/${name}`);
    if (device === undefined) throw new Error(`${name} was not registered`);
    this.propose('n1', { kind: 'sessionOpen', device: device.id, session: sessionId(name), software: 'sdk' });
    return device.id;
  }

  measure(node: string, facts: MeasurementFacts): Step {
    return this.propose(node, { kind: 'measure', facts });
  }

  confirm(audit: Audit, node = audit.node): Step {
    const { device, sequence, facts } = audit;
    return this.propose(node, {
      kind: 'confirm',
      device,
      sequence,
      run: facts.run,
      epoch: facts.clockEpoch,
      samples: facts.clockSamples + 1,
      peerRounds: facts.peerRounds,
    });
  }

  issue(audit: Audit, node = audit.node): Step {
    return this.propose(node, {
      kind: 'issue',
      device: audit.device,
      sequence: audit.sequence,
      der: this.certificate(audit, keyOf(node)),
    });
  }

  certificate(audit: Audit, key: Uint8Array): Uint8Array {
    const message = this.authority.toBeSigned(audit);
    if (message === null) throw new Error('the audit makes no statement');
    return this.authority.assemble(audit, sign(key, message));
  }

  audit(device: string, sequence: number): Audit {
    const audit = this.authority.audit(device, sequence);
    if (audit === undefined) throw new Error(`no audit ${sequence} of ${device}`);
    return audit;
  }

  /** The same state in a new process. */
  restart(): void {
    this.authority = restoreAuthority(this.authority.snapshot(), this.genesis, this.deps);
  }
}

interface SignedOptions {
  readonly carrier: string;
  readonly cluster: string;
  readonly nonce: Uint8Array;
  readonly expires: bigint;
  /** Another key than the signer's own. */
  readonly key: Uint8Array;
  readonly body: Uint8Array;
  readonly bodySalt: Uint8Array;
}

export const registration = (name: string): Extract<Act, { command: 'registerClient' }> => ({
  command: 'registerClient',
  subscriber: 's-1',
  identity: `taa://${clusterId}/client/${name}`,
  spki: keyOf(name),
  policy: {},
  details: null,
});

/** A measurement by n1 of a clock that is `offset` off, 2 ms away, with a TAA known to ±1 ms. */
export function factsOf(device: string, name: string, request: number, offset: bigint): MeasurementFacts {
  const sample = (i: bigint) => {
    const t1 = START + i * 10n * MS;
    return {
      t1: taiNs(t1),
      t2: taiNs(t1 + MS + offset),
      t3: taiNs(t1 + MS + offset),
      t4: taiNs(t1 + 2n * MS),
    };
  };
  return {
    device,
    session: sessionId(name),
    request,
    samples: [sample(0n), sample(1n)],
    timescale: 'tai',
    taaLow: durNs(-MS),
    taaHigh: durNs(MS),
    clockState: 'synchronised',
    clockEpoch: 1,
    clockSamples: 10,
    rhoPpb: 15_000,
    taiMinusUtc: 37,
    leap: 'none',
    unmonitored: true,
    peers: 'agree',
    peerRounds: 4,
    run: runOf('n1'),
    clientStatement: text('what the client signed'),
    clientSignature: text('its signature'),
  };
}

export const eventsOf = <K extends AuthorityEvent['kind']>(
  step: Applied,
  kind: K,
): readonly Extract<AuthorityEvent, { kind: K }>[] =>
  step.events.filter((event): event is Extract<AuthorityEvent, { kind: K }> => event.kind === kind);

export const typesOf = (step: Step): readonly unknown[] => step.records.map((record) => record.get('type'));
