/** A cluster whose second node was replaced: real keys, signed orders, attesting checkpoints, certificates with receipts. */

import { rawEd25519, generateKey, softwareSigner } from '../../src/pki/signer.js';
import { taiNs } from '../../src/time/types.js';
import { encode } from '../../src/verify/cbor.js';
import { nodesOf, type CheckpointPolicy } from '../../src/verify/checkpoint-policy.js';
import {
  checkpointText,
  cosignatureLine,
  cosignatureMessage,
  plainLine,
  plainMessage,
} from '../../src/verify/checkpoint.js';
import type { Genesis } from '../../src/verify/genesis.js';
import { leafHash } from '../../src/verify/merkle.js';
import { membershipBody, type MembershipAct } from '../../src/verify/membership-acts.js';
import type { MembershipStep } from '../../src/verify/membership-chain.js';
import {
  changeMembership,
  membershipOfGenesis,
  policyOfMembership,
  type Member,
  type Membership,
} from '../../src/verify/membership.js';
import { formatNote } from '../../src/verify/note.js';
import { encodeOrder, orderToBeSigned, type SignedOrder } from '../../src/verify/orders.js';
import { encodeReceipt } from '../../src/verify/receipt.js';
import { assembleStatement, statementToBeSigned } from '../../src/verify/signed-statement.js';
import { encodeStatement } from '../../src/verify/statement.js';
import { NaiveTree } from '../audit/naive-tree.js';
import { born, clusterId, genesisFixture, type GenesisFixture } from './genesis-fixture.js';
import { text } from './random.js';
import { statement as template } from './statement-fixture.js';

const YEAR = 365 * 86_400;

export class MembersFixture {
  readonly base: GenesisFixture = genesisFixture();
  readonly issuing = new Map(this.base.issuing);
  readonly log = new Map(this.base.log);
  readonly n4 = this.#member('n4', 'osaka');
  readonly n5 = this.#member('n5', 'nagoya');
  readonly replaceOrder = this.order({ command: 'replaceNode', node: 'n2', member: this.n4, reason: 'lost' });
  readonly first = membershipOfGenesis(this.genesis);
  readonly second = changed(this.first, {
    command: 'replaceNode',
    node: 'n2',
    member: this.n4,
    reason: 'lost',
  });

  get genesis(): Genesis {
    return this.base.genesis;
  }

  /** Signed by the administrator of the genesis, or whoever is given. */
  order(act: MembershipAct, signer = this.base.admin, name = 'root-admin'): SignedOrder {
    const head = { cluster: clusterId, nonce: new Uint8Array(16).fill(7), expires: taiNs(0n) };
    const statement = encodeOrder(head, act.command, membershipBody(act));
    const signature = signer.signNow(orderToBeSigned(statement));
    return { statement, signature, signer: name, algorithm: signer.algorithm };
  }

  /** A checkpoint of a tree of its own making, signed and stamped by these. */
  note(policy: CheckpointPolicy, size: number, root: Uint8Array, signers: readonly string[]): Uint8Array {
    const checkpoint = { origin: policy.origin, size, root, membership: policy.membership };
    const sign = (name: string, message: Uint8Array): Uint8Array => {
      const key = this.log.get(name);
      if (key === undefined) throw new Error(`no log key of ${name}`);
      return key.signNow(message);
    };
    const nodes = nodesOf(policy).filter(({ name }) => signers.includes(name));
    return formatNote({
      text: checkpointText(checkpoint),
      signatures: nodes.flatMap((node) => [
        plainLine(policy, node, sign(node.name, plainMessage(checkpoint))),
        cosignatureLine(node, born + 60, sign(node.name, cosignatureMessage(checkpoint, born + 60))),
      ]),
    });
  }

  /** The step from the first members to the second ones. */
  step(signers: readonly string[] = ['n1', 'n3'], size = 5): MembershipStep {
    const joint = policyOfMembership(this.second, policyOfMembership(this.first));
    return { order: this.replaceOrder, note: this.note(joint, size, leafHash(text('tree')), signers) };
  }

  /** A certificate by a node with its receipt, under a checkpoint of `policy`. */
  receipt(
    node: Member,
    policy: CheckpointPolicy,
    signers: readonly string[],
    members: readonly MembershipStep[] | null,
  ): Uint8Array {
    const tree = new NaiveTree();
    for (let i = 0; i < 7; i++) tree.push(text(`record ${i}`));
    const subject = { device: template.audited.device, sequence: template.sequence, node: node.id };
    const { result, legs, verdict } = template;
    const { low: tsaLow, high: tsaHigh, delay } = legs.tsaMinusTaa;
    const judgement = { verdict, reason: '', low: result.low, high: result.high, tsaLow, tsaHigh, delay };
    const policyVersion = template.policy.version;
    const measurement = encode({ v: 1, type: 'measurement', ...subject, policyVersion, judgement });
    tree.push(measurement);
    const content = encodeStatement({
      ...template,
      serial: 7,
      measurementLeafHash: leafHash(measurement),
      auditor: { node: node.id, site: node.site },
    });
    const signer = this.issuing.get(node.id);
    if (signer === undefined) throw new Error(`no issuing key of ${node.id}`);
    const signature = signer.signNow(statementToBeSigned(content, node.issuingCertificate));
    const certificate = assembleStatement(content, node.issuingCertificate, signature);
    tree.push(encode({ v: 1, type: 'certificate', ...subject, measurement: 7, der: certificate }));
    const size = 9;
    const proven = (index: number) => ({
      leaf: tree.leaves[index] ?? new Uint8Array(0),
      index,
      path: tree.path(index, 0, size),
    });
    return encodeReceipt({
      measurement: proven(7),
      issuance: proven(8),
      checkpoint: this.note(policy, size, tree.root(size), signers),
      certificate,
      chain: [node.issuingCertificate],
      policyVersion,
      ...(members === null ? {} : { members }),
    });
  }

  #member(id: string, site: string): Member {
    const signer = softwareSigner(generateKey('ecdsa-p256'));
    const logSigner = softwareSigner(generateKey('ed25519'));
    this.issuing.set(id, signer);
    this.log.set(id, logSigner);
    return {
      id,
      site,
      kind: 'full',
      issuingKey: signer.spki,
      issuingCertificate: this.base.authority.issue({
        identity: { clusterId, role: 'node', name: id },
        purpose: 'statement',
        spki: signer.spki,
        notBefore: born,
        notAfter: born + YEAR,
      }),
      logKey: rawEd25519(logSigner.spki),
      tlsIdentity: `taa://${clusterId}/node/${id}`,
      tlsKey: softwareSigner(generateKey('ecdsa-p256')).spki,
      address: `${id}.example:7401`,
    };
  }
}

export function changed(membership: Membership, act: MembershipAct): Membership {
  const change = changeMembership(membership, act);
  if (!change.ok) throw new Error(change.detail);
  return change.membership;
}
