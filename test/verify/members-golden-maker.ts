/**
 * Makes the golden files about members that hold signatures: `node dist/test/verify/members-golden-maker.js DIR`. Run once
 * for each version of a format; what was published is never made again.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeMembershipSteps } from '../../src/verify/membership-chain.js';
import { policyOfMembership } from '../../src/verify/membership.js';
import { signGenesis } from './genesis-fixture.js';
import { MembersFixture } from './membership-fixture.js';

const [, , directory] = process.argv;
if (directory === undefined) throw new Error('give the directory to write to');
const write = (name: string, bytes: Uint8Array): void => {
  writeFileSync(join(directory, name), bytes, { flag: 'wx' });
};
const story = new MembersFixture();
const steps = [story.step()];
write('members-genesis.cbor', signGenesis(story.genesis, story.base.admin));
write('members.cbor', encodeMembershipSteps(steps));
write('receipt-members.cbor', story.receipt(story.n4, policyOfMembership(story.second), ['n1', 'n4'], steps));
