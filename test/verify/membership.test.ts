/** Certificates of after a change of the members, as an auditor holds them who has only the genesis. */

import { readFileSync } from 'node:fs';
import test from 'ava';
import { statementCodec } from '../../src/authority/statements.js';
import { generateKey, softwareSigner } from '../../src/pki/signer.js';
import { taiNs } from '../../src/time/types.js';
import { trustOfGenesis, verifyCertificateBundle } from '../../src/verify/certificate-bundle.js';
import { CborError, encode } from '../../src/verify/cbor.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { verifyGenesis } from '../../src/verify/genesis.js';
import {
  decodeMembershipSteps,
  encodeMembershipSteps,
  followMembership,
  membershipTrust,
} from '../../src/verify/membership-chain.js';
import { criticalSites, policyOfMembership, type Member } from '../../src/verify/membership.js';
import { decodeReceipt, encodeReceipt } from '../../src/verify/receipt.js';
import { fixture } from './fixtures.js';
import { MembersFixture, changed } from './membership-fixture.js';
import { Random, hex } from './random.js';

const story = new MembersFixture();
const { genesis, first, second, n4, n5 } = story;
const trust = trustOfGenesis(genesis);
const before = policyOfMembership(first);
const after = policyOfMembership(second);
const joint = policyOfMembership(second, before);
const member = (id: string): Member => first.members.find((other) => other.id === id) as Member;

const codesOf = (receipt: Uint8Array): readonly string[] => {
  const verdict = verifyCertificateBundle(null, receipt, trust, nodeVerifier);
  return verdict.ok ? [] : verdict.codes;
};

test('a certificate of before the change verifies as ever, and one of the new node with the change that it carries', (t) => {
  t.deepEqual(codesOf(story.receipt(member('n1'), before, ['n2', 'n3'], null)), []);
  t.deepEqual(codesOf(story.receipt(n4, after, ['n1', 'n4'], [story.step()])), []);
  const verdict = verifyCertificateBundle(
    null,
    story.receipt(n4, after, ['n1', 'n3', 'n4'], [story.step()]),
    trust,
    nodeVerifier,
  );
  t.deepEqual(verdict.ok ? verdict.lines.plain : [], ['n1', 'n3', 'n4']);
});

test('until the change is attested, the receipt’s own checkpoint attests it, by old and new members', (t) => {
  const pending = { order: story.replaceOrder, note: null };
  t.deepEqual(codesOf(story.receipt(n4, joint, ['n1', 'n3'], [pending])), []);
  t.deepEqual(codesOf(story.receipt(n4, joint, ['n1', 'n2', 'n4'], [pending])), []);
  t.deepEqual(codesOf(story.receipt(n4, joint, ['n1', 'n4'], [pending])), ['BELOW_QUORUM', 'BELOW_SITES']);
});

test('lines of a removed node fill up no quorum of a size at which it was a member no more', (t) => {
  // What n1 signs now names the second membership; n2, whose key was stolen, adds its line to the same text.
  const stolen = story.receipt(n4, joint, ['n1', 'n2'], [story.step()]);
  t.deepEqual(codesOf(stolen), ['BELOW_QUORUM', 'BELOW_SITES']);
  // The same checkpoint without the change that would say so.
  t.deepEqual(codesOf(story.receipt(n4, joint, ['n1', 'n2'], null)), ['OTHER_MEMBERS']);
  // A text that names no membership, by the stolen key alone: n1 signs none of these any more.
  t.deepEqual(codesOf(story.receipt(n4, before, ['n2'], null)), ['BELOW_QUORUM', 'BELOW_SITES']);
});

test('nobody becomes a member by appointing itself, by a stranger’s order, or by an order that never came into force', (t) => {
  const addSelf = { command: 'addNode', member: n5 } as const;
  const appointed = changed(first, addSelf);
  const policy = policyOfMembership(appointed);
  const jointPolicy = policyOfMembership(appointed, before);
  const own = softwareSigner(generateKey('ecdsa-p256'));
  const root = new Uint8Array(32);
  const stories: readonly (readonly [string, Uint8Array])[] = [
    [
      'signed by the new node itself',
      story.receipt(
        n5,
        policy,
        ['n1', 'n3', 'n5'],
        [
          {
            order: story.order(addSelf, own, 'n5'),
            note: story.note(jointPolicy, 5, root, ['n1', 'n3', 'n5']),
          },
        ],
      ),
    ],
    [
      'in the name of the administrator',
      story.receipt(
        n5,
        policy,
        ['n1', 'n3', 'n5'],
        [{ order: story.order(addSelf, own), note: story.note(jointPolicy, 5, root, ['n1', 'n3', 'n5']) }],
      ),
    ],
    [
      'a true order that was refused: the old members never attested it',
      story.receipt(
        n5,
        policy,
        ['n2', 'n3', 'n5'],
        [{ order: story.order(addSelf), note: story.note(jointPolicy, 5, root, ['n2', 'n5']) }],
      ),
    ],
    ['attested by new members alone', story.receipt(n4, after, ['n1', 'n4'], [story.step(['n1', 'n4'])])],
    [
      'attested under the old membership',
      story.receipt(
        n4,
        after,
        ['n1', 'n4'],
        [{ order: story.replaceOrder, note: story.note(before, 5, root, ['n1', 'n2', 'n3']) }],
      ),
    ],
  ];
  for (const [what, receipt] of stories) t.deepEqual(codesOf(receipt), ['MEMBERS_NOT_PROVEN'], what);
});

test('changes follow one another: two are followed in order, and in no other', (t) => {
  const third = changed(second, { command: 'addNode', member: n5 });
  const jointThird = policyOfMembership(third, after);
  const add = {
    order: story.order({ command: 'addNode', member: n5 }),
    note: story.note(jointThird, 8, new Uint8Array(32), ['n1', 'n3', 'n4']),
  };
  const receipt = (steps: Parameters<typeof story.receipt>[3]) =>
    codesOf(story.receipt(n5, policyOfMembership(third), ['n1', 'n4', 'n5'], steps));
  t.deepEqual(receipt([story.step(), add]), []);
  t.deepEqual(receipt([add, story.step()]), ['MEMBERS_NOT_PROVEN']);
  t.deepEqual(receipt([story.step(['n1', 'n3'], 8), add]), ['MEMBERS_NOT_PROVEN'], 'notes grow');
  t.deepEqual(receipt([story.step()]), ['OTHER_MEMBERS']);
});

test('a receipt with changes reads back; an empty list is refused, and no flipped bit makes it say something else', (t) => {
  const receipt = story.receipt(n4, after, ['n1', 'n4'], [story.step()]);
  t.deepEqual(encodeReceipt(decodeReceipt(receipt)), receipt);
  t.deepEqual(codesOf(story.receipt(n4, after, ['n1', 'n4'], [])), ['RECEIPT_UNREADABLE']);
  const steps = encodeMembershipSteps([story.step(), { order: story.replaceOrder, note: null }]);
  t.deepEqual(encodeMembershipSteps(decodeMembershipSteps(steps)), steps);
  t.throws(() => decodeMembershipSteps(encode({ v: 2, steps: [] })), { instanceOf: CborError });
  const random = new Random(11);
  for (let i = 0; i < 300; i++) {
    const mutated = Uint8Array.from(receipt);
    const at = random.below(mutated.length);
    mutated[at] = (mutated[at] as number) ^ (1 << random.below(8));
    const verdict = verifyCertificateBundle(null, mutated, trust, nodeVerifier);
    // A line that is not recognised any more may be one more than needed; what is certified stays the same.
    if (verdict.ok)
      t.deepEqual(verdict.receipt.certificate, decodeReceipt(receipt).certificate, `byte ${at}`);
  }
});

test('a member that is ordered in must have an issuing certificate of its own under the cluster’s root', (t) => {
  const fault = (member: Member) => statementCodec.memberFault(member, genesis, taiNs(0n), nodeVerifier);
  t.is(fault(n4), null);
  t.regex(fault({ ...n4, issuingCertificate: n5.issuingCertificate }) ?? '', /holds another key/);
  t.regex(fault({ ...n4, id: 'n9' }) ?? '', /TLS identity of n9 must be/);
  t.regex(fault({ ...n4, tlsKey: new Uint8Array(9) }) ?? '', /TLS key of n4 cannot be used/);
  const foreign = new MembersFixture();
  t.regex(fault(foreign.n4) ?? '', /issuing certificate of n4/);
  t.is(fault({ ...n4, tlsKey: null }), null);
});

test('sites whose loss stops the service follow from votes, cosigners and who measures', (t) => {
  t.deepEqual(criticalSites(first), []);
  const crowded = changed(first, { command: 'addNode', member: { ...n5, site: 'tokyo' } });
  t.deepEqual(criticalSites(crowded), ['tokyo'], 'half of the voters are no majority');
  const standby = changed(first, { command: 'addNode', member: { ...n5, site: 'tokyo', kind: 'standby' } });
  t.deepEqual(criticalSites(standby), [], 'a standby does not vote');
  const witnesses = {
    ...first,
    members: first.members.map((other) => ({
      ...other,
      kind: other.id === 'n1' ? ('full' as const) : ('witness' as const),
    })),
  };
  t.deepEqual(criticalSites(witnesses), ['tokyo'], 'witnesses do not measure');
});

test('golden: a receipt of after a replacement, its changes, and the genesis from which it verifies', (t) => {
  const read = (name: string) => new Uint8Array(readFileSync(fixture(`formats/${name}`)));
  const { genesis: stored } = verifyGenesis(read('members-genesis.cbor'), nodeVerifier);
  const steps = decodeMembershipSteps(read('members.cbor'));
  t.is(hex(encodeMembershipSteps(steps)), hex(read('members.cbor')));
  const followed = followMembership(steps, membershipTrust(stored), nodeVerifier);
  t.deepEqual(followed.ok ? followed.membership.members.map(({ id }) => id) : followed.detail, [
    'n1',
    'n3',
    'n4',
  ]);
  const verdict = verifyCertificateBundle(
    null,
    read('receipt-members.cbor'),
    trustOfGenesis(stored),
    nodeVerifier,
  );
  t.is(verdict.ok ? verdict.statement.auditor.node : verdict.message, 'n4');
});
