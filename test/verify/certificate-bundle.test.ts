/** A certificate with its receipt, as an auditor holds them: accepted whole, refused for any part that does not fit. */

import test, { type ExecutionContext } from 'ava';
import { taiNs } from '../../src/time/types.js';
import { readCertificateRecord, readMeasurementRecord } from '../../src/verify/audit-records.js';
import { encode } from '../../src/verify/cbor.js';
import {
  trustOfGenesis,
  verifyCertificateBundle,
  type BundleRefusalCode,
} from '../../src/verify/certificate-bundle.js';
import type { CheckpointPolicy, PolicyNode } from '../../src/verify/checkpoint-policy.js';
import {
  checkpointText,
  cosignatureLine,
  cosignatureMessage,
  plainLine,
  plainMessage,
  type Checkpoint,
} from '../../src/verify/checkpoint.js';
import { equalBytes } from '../../src/verify/bytes.js';
import { nodeVerifier, type SignatureVerifier } from '../../src/verify/crypto.js';
import { leafHash } from '../../src/verify/merkle.js';
import { formatNote } from '../../src/verify/note.js';
import { encodeReceipt, type ReceiptBundle } from '../../src/verify/receipt.js';
import { assembleStatement, statementToBeSigned } from '../../src/verify/signed-statement.js';
import { encodeStatement, type TimeAuditStatement } from '../../src/verify/statement.js';
import { statementCodec } from '../../src/authority/statements.js';
import { Cluster, factsOf, keyOf, sign } from '../authority/cluster.js';
import { NaiveTree } from '../audit/naive-tree.js';
import { born, genesisFixture, type GenesisFixture } from './genesis-fixture.js';
import { Random, text } from './random.js';
import { statement as template } from './statement-fixture.js';

const cluster = genesisFixture();
const trust = trustOfGenesis(cluster.genesis);
const judgement = {
  verdict: template.verdict,
  reason: '',
  low: template.result.low,
  high: template.result.high,
  tsaLow: template.legs.tsaMinusTaa.low,
  tsaHigh: template.legs.tsaMinusTaa.high,
  delay: template.legs.tsaMinusTaa.delay,
};
const policyVersion = template.policy.version;
const subject = { device: template.audited.device, sequence: template.sequence, node: 'n1' };

/** What may be bent while a certificate and its receipt are made. */
interface Story {
  readonly cluster?: GenesisFixture;
  readonly measured?: object;
  readonly issued?: object;
  readonly statement?: Partial<TimeAuditStatement>;
  readonly bundle?: Partial<ReceiptBundle>;
  readonly plain?: readonly string[];
  readonly stamped?: readonly string[];
}

function make(story: Story = {}): { certificate: Uint8Array; bundle: ReceiptBundle; receipt: Uint8Array } {
  const { genesis, issuing } = story.cluster ?? cluster;
  const tree = new NaiveTree();
  for (let i = 0; i < 21; i += 1) tree.push(text(`record ${i}`));
  const measurement = encode({
    v: 1,
    type: 'measurement',
    ...subject,
    policyVersion,
    judgement,
    ...story.measured,
  });
  tree.push(measurement);
  for (let i = 0; i < 5; i += 1) tree.push(text(`other ${i}`));

  const content = encodeStatement({
    ...template,
    serial: 21,
    measurementLeafHash: leafHash(measurement),
    ...story.statement,
  });
  const member = genesis.members.find(({ id }) => id === (story.statement?.auditor?.node ?? 'n1'));
  const signer = member && issuing.get(member.id);
  if (!member || !signer) throw new Error('the fixture has no such member');
  const signature = signer.signNow(statementToBeSigned(content, member.issuingCertificate));
  const certificate = assembleStatement(content, member.issuingCertificate, signature);

  tree.push(
    encode({
      v: 1,
      type: 'certificate',
      ...subject,
      measurement: 21,
      der: certificate,
      ...story.issued,
    }),
  );
  for (let i = 0; i < 8; i += 1) tree.push(text(`later ${i}`));

  const size = 33;
  const proven = (index: number) => ({
    leaf: tree.leaves[index] ?? new Uint8Array(0),
    index,
    path: tree.path(index, 0, size),
  });
  const policy = trustOfGenesis(genesis).policy;
  const bundle: ReceiptBundle = {
    measurement: proven(21),
    issuance: proven(27),
    checkpoint: note(story, policy, { origin: policy.origin, size, root: tree.root(size) }),
    certificate,
    chain: [member.issuingCertificate],
    policyVersion: template.policy.version,
    ...story.bundle,
  };
  return { certificate, bundle, receipt: encodeReceipt(bundle) };
}

function note(story: Story, policy: CheckpointPolicy, checkpoint: Checkpoint): Uint8Array {
  const { log } = story.cluster ?? cluster;
  const sign = (node: PolicyNode, message: Uint8Array): Uint8Array => {
    const signer = log.get(node.name);
    if (!signer) throw new Error(`no log key of ${node.name}`);
    return signer.signNow(message);
  };
  const named = (names: readonly string[]) => policy.nodes.filter(({ name }) => names.includes(name));
  const seconds = born + 60;
  return formatNote({
    text: checkpointText(checkpoint),
    signatures: [
      ...named(story.plain ?? ['n1', 'n2']).map((node) =>
        plainLine(policy, node, sign(node, plainMessage(checkpoint))),
      ),
      ...named(story.stamped ?? ['n2']).map((node) =>
        cosignatureLine(node, seconds, sign(node, cosignatureMessage(checkpoint, seconds))),
      ),
    ],
  });
}

function refused(
  t: ExecutionContext,
  why: string,
  certificate: Uint8Array | null,
  receipt: Uint8Array | null,
  codes: readonly BundleRefusalCode[],
  given = trust,
): void {
  const verdict = verifyCertificateBundle(certificate, receipt, given, nodeVerifier);
  t.deepEqual(verdict.ok ? 'accepted' : verdict.codes, codes, why);
  if (!verdict.ok) t.regex(verdict.message, /\w/);
}

const honest = make();

test('a certificate with its receipt is what the authority committed', (t) => {
  for (const certificate of [honest.certificate, null]) {
    const verdict = verifyCertificateBundle(certificate, honest.receipt, trust, nodeVerifier);
    if (!verdict.ok) {
      t.fail(verdict.message);
      return;
    }
    t.is(verdict.statement.serial, 21);
    t.is(verdict.checkpoint.size, 33);
    t.deepEqual(verdict.lines.plain, ['n1', 'n2']);
  }
});

test('without a receipt nothing shows that a certificate was committed', (t) => {
  refused(t, 'none', honest.certificate, null, ['RECEIPT_MISSING']);
  refused(t, 'empty', honest.certificate, new Uint8Array(0), ['RECEIPT_MISSING']);
  refused(t, 'garbage', honest.certificate, text('receipt'), ['RECEIPT_UNREADABLE']);
});

test('too few cosigners are refused', (t) => {
  const story = (plain: readonly string[], stamped: readonly string[]) => make({ plain, stamped }).receipt;
  refused(t, 'one node', null, story(['n1'], ['n2']), ['BELOW_QUORUM', 'BELOW_SITES']);
  refused(t, 'stamped by the measurer alone', null, story(['n1', 'n2'], ['n1']), ['NO_INDEPENDENT_TIME']);
  refused(t, 'not stamped', null, story(['n1', 'n2', 'n3'], []), ['NO_INDEPENDENT_TIME']);
});

test('another cluster’s certificate, log or root is refused, though both chose one name', (t) => {
  const foreign = genesisFixture();
  const theirs = make({ cluster: foreign });
  t.true(verifyCertificateBundle(null, theirs.receipt, trustOfGenesis(foreign.genesis), nodeVerifier).ok);
  const verdict = verifyCertificateBundle(null, theirs.receipt, trust, nodeVerifier);
  t.false(verdict.ok);
  refused(t, 'our log, their root', null, honest.receipt, ['SIGNATURE_WRONG'], {
    ...trust,
    trustAnchors: [foreign.rootDer],
  });
  const renamed = trustOfGenesis({ ...cluster.genesis, clusterId: 'other.test' });
  refused(t, 'a log of another name', null, honest.receipt, ['OTHER_LOG'], renamed);
});

const stories: readonly [why: string, story: Story, codes: readonly BundleRefusalCode[]][] = [
  ['a serial number that is not the position', { statement: { serial: 20 } }, ['OTHER_MEASUREMENT']],
  [
    'the leaf hash of another record',
    { statement: { measurementLeafHash: leafHash(text('another')) } },
    ['OTHER_MEASUREMENT'],
  ],
  ['a measurement of another device', { measured: { device: 'd-other' } }, ['OTHER_MEASUREMENT']],
  ['a measurement of another audit', { measured: { sequence: 18 } }, ['OTHER_MEASUREMENT']],
  ['a measurement by another node', { measured: { node: 'n2' } }, ['OTHER_MEASUREMENT']],
  [
    'numbers that were not measured',
    { measured: { judgement: { ...judgement, high: 5_399_999 } } },
    ['OTHER_MEASUREMENT'],
  ],
  [
    'a verdict that was not given',
    { measured: { judgement: { ...judgement, verdict: 'fail' } } },
    ['OTHER_MEASUREMENT'],
  ],
  ['a measurement under another policy', { measured: { policyVersion: 2 } }, ['OTHER_POLICY']],
  ['a record that is no measurement', { measured: { type: 'voided' } }, ['OTHER_MEASUREMENT']],
  ['an issuance of another certificate', { issued: { der: text('other') } }, ['OTHER_ISSUANCE']],
  ['an issuance for another measurement', { issued: { measurement: 20 } }, ['OTHER_ISSUANCE']],
  ['an issuance for another device', { issued: { device: 'd-other' } }, ['OTHER_ISSUANCE']],
  ['a record that is no issuance', { issued: { type: 'voided' } }, ['OTHER_ISSUANCE']],
  ['another policy version', { bundle: { policyVersion: 4 } }, ['OTHER_POLICY']],
  [
    'a chain of another node',
    { bundle: { chain: [cluster.genesis.members[1]?.issuingCertificate ?? new Uint8Array(0)] } },
    ['RECEIPT_OF_ANOTHER_CERTIFICATE'],
  ],
  ['a record altered after it was logged', { bundle: { issuance: altered() } }, ['NOT_IN_LOG']],
];
for (const [why, story, codes] of stories) {
  test(`a certificate with ${why} is refused`, (t) => {
    const { certificate, receipt } = make(story);
    refused(t, why, certificate, receipt, codes);
  });
}

function altered(): ReceiptBundle['issuance'] {
  const { issuance } = honest.bundle;
  return { ...issuance, leaf: Uint8Array.from([...issuance.leaf.slice(0, -1), 0]) };
}

test('the two records exchanged are refused', (t) => {
  const { measurement, issuance } = honest.bundle;
  const receipt = encodeReceipt({ ...honest.bundle, measurement: issuance, issuance: measurement });
  refused(t, 'exchanged', honest.certificate, receipt, ['OTHER_MEASUREMENT', 'OTHER_ISSUANCE']);
});

test('the receipt of one certificate does not serve another', (t) => {
  const other = make({ statement: { lease: template.limits.offset } });
  refused(t, 'the same audit signed twice', other.certificate, honest.receipt, [
    'RECEIPT_OF_ANOTHER_CERTIFICATE',
  ]);
  const swapped = encodeReceipt({ ...honest.bundle, certificate: other.certificate });
  refused(t, 'put into its receipt', other.certificate, swapped, ['OTHER_ISSUANCE']);
});

test('evidence ends with its validity', (t) => {
  const { from, to } = template.validity;
  t.true(
    verifyCertificateBundle(null, honest.receipt, trustOfGenesis(cluster.genesis, from.tai), nodeVerifier).ok,
  );
  refused(t, 'after', null, honest.receipt, ['OUTSIDE_VALIDITY'], trustOfGenesis(cluster.genesis, to.tai));
  const before = trustOfGenesis(cluster.genesis, taiNs(from.tai - 1n));
  refused(t, 'before', null, honest.receipt, ['OUTSIDE_VALIDITY'], before);
});

test('no flipped bit is accepted, and nothing throws', (t) => {
  const random = new Random(3);
  for (let i = 0; i < 500; i += 1) {
    const damaged = Uint8Array.from(honest.receipt);
    const at = random.below(damaged.length);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << random.below(8));
    t.false(verifyCertificateBundle(null, damaged, trust, nodeVerifier).ok, `byte ${at}`);
  }
});

test('records of another shape are not taken for those of an audit', (t) => {
  const issued = { type: 'certificate', ...subject, measurement: 21, der: text('der') };
  const measured = { type: 'measurement', ...subject, policyVersion, judgement };
  t.is(readCertificateRecord(encode(issued))?.measurement, 21);
  t.is(readMeasurementRecord(encode(measured))?.judgement.delay, judgement.delay);
  for (const change of [{ type: 'x' }, { device: 1 }, { sequence: '1' }, { node: null }]) {
    t.is(readCertificateRecord(encode({ ...issued, ...change })), null);
    t.is(readMeasurementRecord(encode({ ...measured, ...change })), null);
  }
  t.is(readCertificateRecord(encode({ ...issued, measurement: '21' })), null);
  t.is(readCertificateRecord(encode({ ...issued, der: 'x' })), null);
  for (const change of [{ verdict: 1 }, { low: '1' }, { delay: null }]) {
    t.is(readMeasurementRecord(encode({ ...measured, judgement: { ...judgement, ...change } })), null);
  }
  t.is(readMeasurementRecord(encode({ ...measured, judgement: [] })), null);
  t.is(readMeasurementRecord(encode({ ...measured, policyVersion: '3' })), null);
  for (const leaf of [new Uint8Array(0), encode([1]), encode('certificate'), text('certificate')]) {
    t.is(readCertificateRecord(leaf), null);
    t.is(readMeasurementRecord(leaf), null);
  }
});

test('what the state machine records and certifies is what verifies', (t) => {
  const real = genesisFixture();
  const ada = { name: 'ada', role: 'admin', spki: keyOf('ada') } as const;
  // Orders are signed cheaply in these stories, certificates for real.
  const verifier: SignatureVerifier = {
    verify: (algorithm, key, message, signature) =>
      equalBytes(signature, sign(key, message)) || nodeVerifier.verify(algorithm, key, message, signature),
  };
  const genesis = { ...real.genesis, administrators: [ada], policy: new Map() };
  const machine = new Cluster(genesis, { verifier, statements: statementCodec });
  const device = machine.device('tsa');
  const signer = real.issuing.get('n1');
  if (!signer) throw new Error('no key of n1');
  t.true(machine.measure('n1', factsOf(device, 'tsa', 1, 3_000_001n)).accepted);
  t.true(machine.confirm(machine.audit(device, 1)).accepted);
  const audit = machine.audit(device, 1);
  const toBeSigned = machine.authority.toBeSigned(audit) ?? new Uint8Array(0);
  const der = machine.authority.assemble(audit, signer.signNow(toBeSigned));
  const issued = machine.propose('n1', { kind: 'issue', device, sequence: 1, der });
  t.true(issued.accepted, issued.reason);

  const tree = new NaiveTree();
  for (const leaf of machine.leaves) tree.push(leaf);
  const size = machine.leaves.length;
  const proven = (index: number) => ({
    leaf: machine.leaves[index] ?? text(''),
    index,
    path: tree.path(index, 0, size),
  });
  const given = trustOfGenesis(real.genesis);
  const receipt = encodeReceipt({
    measurement: proven(audit.leaf),
    issuance: proven(issued.leaf ?? 0),
    checkpoint: note({ cluster: real }, given.policy, {
      origin: given.policy.origin,
      size,
      root: tree.root(size),
    }),
    certificate: der,
    chain: [],
    policyVersion: audit.policyVersion,
  });
  const verdict = verifyCertificateBundle(der, receipt, given, nodeVerifier);
  t.is(verdict.ok ? verdict.statement.audited.device : verdict.message, device);
});
