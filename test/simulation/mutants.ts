/**
 * Known bugs of other systems, brought back in copies of the compiled program: each replaces one expression. What ships
 * has no switch for any of them. The simulator must catch every one; docs/mutants.md says how soon.
 *
 * Ids name the pitfall: E elections, L log and durability, M membership, R reads, C clients; T what is our own.
 */
import type { Alteration } from '../cluster/altered-build.js';

export interface Mutant {
  readonly id: string;
  readonly bug: string;
  readonly alterations: readonly Alteration[];
  /** Which worlds have to catch it: those of consensus alone (test/raft), or of whole nodes. */
  readonly world: 'consensus' | 'nodes';
}

const core = (file: string, find: string, replace: string): Alteration => ({
  file: `src/raft/core/${file}.js`,
  find,
  replace,
});

const consensus = (id: string, bug: string, ...alterations: readonly Alteration[]): Mutant => ({
  id,
  bug,
  alterations,
  world: 'consensus',
});

const nodes = (id: string, bug: string, ...alterations: readonly Alteration[]): Mutant => ({
  id,
  bug,
  alterations,
  world: 'nodes',
});

export const mutants: readonly Mutant[] = [
  // --- elections
  consensus(
    'E1',
    'a vote is told before it is durable',
    core('election', 'granted ? state.termSeq : 0', '0'),
  ),
  consensus(
    'E2',
    'vote requests leave before the candidate’s own vote is durable',
    core('election', 'send(state, peer, request, voted);', 'send(state, peer, request);'),
  ),
  consensus(
    'E2b',
    'a candidate counts its own vote before it is durable',
    core('election', 'state.durability.persisted < state.termSeq', 'false'),
    core(
      'election',
      '    const voted = persistHardState(state);',
      '    const voted = persistHardState(state); state.votes.set(state.config.id, true);',
    ),
    core('election', 'send(state, peer, request, voted);', 'send(state, peer, request);'),
  ),
  consensus(
    'E3',
    'stepping down within a term clears the vote',
    core(
      'state',
      '    state.leading = null;\n    clearVotes(state);',
      '    state.leading = null;\n    state.vote = null;\n    clearVotes(state);',
    ),
  ),
  consensus(
    'E4',
    'vote replies of an older term count',
    core(
      'step',
      '    if (message.term === state.term)\n        return true;',
      "    if (message.term === state.term || message.kind === 'voteReply')\n        return true;",
    ),
  ),
  consensus(
    'E5',
    'nobody sticks to the leader that is heard',
    core(
      'election',
      'return state.leader !== null && !suspected && state.now - contactAt < electionMin;',
      'return false;',
    ),
  ),
  consensus(
    'E8',
    'a node left behind does not learn the newer term from a refused pre-vote',
    core(
      'step',
      '            if (!message.granted && message.term > state.term)\n                becomeFollower(state, message.term, null);\n',
      '',
    ),
  ),
  consensus(
    'E12',
    'a leader that hears no quorum leads on',
    core(
      'leader',
      'if (silence < electionMin + electionMax || state.now < leading.quorumGraceUntil)',
      'if (true)',
    ),
  ),
  consensus(
    'E17',
    'a candidate whose log lacks entries is voted for (thesis 3.6.1)',
    core(
      'election',
      'const granted = free && state.log.isUpToDate(request.lastIndex, request.lastTerm);',
      'const granted = free;',
    ),
    core('election', '        state.log.isUpToDate(request.lastIndex, request.lastTerm) &&\n', ''),
  ),
  consensus(
    'E18',
    'half of the voters is a majority',
    core('quorum', 'Math.floor(voters / 2) + 1', 'Math.max(1, Math.floor(voters / 2))'),
  ),
  // --- log, durability, storage
  consensus(
    'L1',
    'entries of earlier terms are committed by counting',
    core('commit', 'reached <= commit || reached < leading.termStart', 'reached <= commit'),
  ),
  consensus(
    'L2',
    'an append cuts the log although its entries match',
    core('follower', 'const known = agreeing(state, entries);', 'const known = 0;'),
  ),
  consensus(
    'L3',
    'commit follows the last entry of the log instead of the last one known to match',
    core('follower', 'Math.min(commit, state.following.matched)', 'Math.min(commit, state.log.lastIndex)'),
  ),
  consensus(
    'L4',
    'an acknowledgement names what was received, not what is durable',
    core('follower', 'Math.min(following.matched, durability.durable)', 'following.matched'),
  ),
  consensus(
    'L5',
    'the late completion of an overwritten write counts for its replacement',
    core('durability', 'one.claim = end;', ';'),
  ),
  consensus('L6', 'term and vote are not in the batch of the entries that need them', {
    file: 'src/raft/gather.js',
    find: '...(this.#hardState === undefined ? {} : { hardState: this.#hardState })',
    replace:
      '...(this.#hardState === undefined || this.#entries.length > 0 ? {} : { hardState: this.#hardState })',
  }),
  consensus(
    'L8',
    'acknowledgements of an earlier leadership count',
    core(
      'step',
      '    if (message.term === state.term)\n        return true;',
      "    if (message.term === state.term || message.kind === 'appendOk')\n        return true;",
    ),
  ),
  consensus('L10', 'what asserts a durable fact leaves before the write that it waits for', {
    file: 'src/raft/driver.js',
    find: 'if (effect.after > this.#persisted)',
    replace: 'if (false)',
  }),
  consensus(
    'L16',
    'a leader counts its own entries before they are durable',
    core('commit', 'id === config.id ? durability.durable :', 'id === config.id ? state.log.lastIndex :'),
  ),
  consensus(
    'L17',
    'a leader whose disk has stalled leads on',
    core(
      'state',
      'state.now - since >= state.config.electionMax',
      'state.now - since >= 1e6 * state.config.electionMax',
    ),
  ),
  consensus(
    'L21',
    'a window whose messages were all lost is never probed',
    core('leader', 'else if (!peer.regressed && !peer.acknowledged &&', 'else if (false &&'),
  ),
  consensus(
    'L23',
    'entries that are not durable here are applied',
    core(
      'commit',
      'const target = Math.min(state.commit, state.durability.durable);',
      'const target = state.commit;',
    ),
  ),
  nodes('L9', 'a failed write of the log is taken for a successful one', {
    file: 'src/raft/driver.js',
    find: "this.#fail(new StorageFailure('write and sync the log', error));\n                return;",
    replace: '',
  }),
  nodes('L15', 'the stored applied index is not that of the stored state', {
    file: 'src/node/core/replica.js',
    find: 'this.#ledger.image(this.#appliedIndex, this.#appliedTime',
    replace: 'this.#ledger.image(this.#appliedIndex - 1, this.#appliedTime',
  }),
  // --- membership, reads, clients
  consensus(
    'M1',
    'the membership is changed before an entry of the own term is committed',
    core('reconfigure', 'if (commit < leading.termStart)', 'if (false)'),
  ),
  consensus(
    'M1b',
    'a change of membership begins while another is under way',
    core(
      'reconfigure',
      'memberships.index > commit || memberships.members.joint || state.change !== null',
      'false',
    ),
  ),
  consensus(
    'M6',
    'a membership whose entry was cut stays in effect',
    core('membership-log', 'if (this.index < index)', 'if (true)'),
  ),
  consensus(
    'M7',
    'a joint membership is never left',
    core('reconfigure', '    if (joint) {\n', '    if (false) {\n'),
  ),
  consensus(
    'M11',
    'a joint membership asks only the new majority',
    core('members', 'outgoing === null ? [idsOf(voters)]', 'true ? [idsOf(voters)]'),
  ),
  consensus(
    'R1',
    'a new leader answers reads before it has committed in its term',
    core('read-index', 'state.commit >= leading.termStart', 'true'),
  ),
  consensus(
    'R2',
    'the late answer to an earlier round confirms a later read',
    core(
      'progress',
      '            this.round = round;',
      '            this.round = round;\n        this.round = this.#matchAtRound.at(-1)?.round ?? round;',
    ),
  ),
  consensus(
    'R3',
    'a leader answers reads before a quorum has confirmed it',
    core('read-index', 'peer === undefined || peer.regressed ? 0 : peer.round', 'leading.round'),
  ),
  consensus(
    'R6',
    'the answer to a proposal that the leader refused is dropped',
    core(
      'proposals',
      "        case 'notLeader':\n            state.out.push(",
      "        case 'notLeader':\n            void (",
    ),
  ),
  consensus(
    'C1',
    'a forwarded batch that the network repeats is appended again',
    core('requests', 'if (seen.has(id))', 'if (false)'),
  ),
  consensus(
    'C3',
    'a proposal that timed out is told as certainly not committed',
    core(
      'requests',
      "out.push({ kind: 'answer', request, result: { status: 'unknown' } });",
      "out.push({ kind: 'answer', request, result: { status: 'notLeader', leader: null } });",
    ),
  ),
  consensus(
    'C3b',
    'a batch whose front was committed is told as certainly not committed',
    core(
      'requests',
      "log.termAt(one.first) === one.term ? { status: 'unknown' }",
      "false ? { status: 'unknown' }",
    ),
  ),
  consensus(
    'C4',
    'the uncommitted log grows without bound',
    core('proposals', 'waiting === 0 || waiting + bytes <= state.config.maxUncommittedBytes', 'true'),
  ),
  // --- our own
  nodes('T1', 'a checkpoint is cosigned before the witness is durable', {
    file: 'src/audit/cosigner.js',
    find: 'if (head.size === this.#witness?.size)',
    replace: 'if (true)',
  }),
  nodes('T2', 'the clock promises a bound that does not grow with the oscillator’s error', {
    file: 'src/clock/core/bound.js',
    find: 'lo: bound.lo + scaleDown(age, bound.ratePpb - bound.rhoPpb),\n        hi: bound.hi + scaleUp(age, bound.ratePpb + bound.rhoPpb),',
    replace:
      'lo: bound.lo + scaleDown(age, bound.ratePpb),\n        hi: bound.hi + scaleUp(age, bound.ratePpb),',
  }),
  nodes('T3', 'the state machine depends on what only this process knows', {
    file: 'src/node/core/replica.js',
    find: 'const time = taiNs(entry.time);',
    replace: 'const time = taiNs(entry.time + (this.#mono() % 7n));',
  }),
  nodes('T4', 'a sample that contradicts what a clock knows has no consequence', {
    file: 'src/clock/core/discipline.js',
    find: "this.#disrupt('emptyIntersection', `${name} ${verdict.detail}`);",
    replace: '',
  }),
  nodes('T5', 'what a clock knew outlives its epoch', {
    file: 'src/clock/core/discipline.js',
    find: 'this.#tracker = new Tracker(this.#config.profile, this.#driftPpb);',
    replace: '',
  }),
];
