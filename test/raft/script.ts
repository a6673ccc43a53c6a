/**
 * Protocol stories as text. A script is a list of blocks: a comment or a verb with its arguments, then `----`, then
 * everything that the cores did because of it. A change of behaviour is a diff in prose; `REWRITE=1` writes it.
 *
 *     cluster 3              three cores, timers 50 / 300–600 ms; `seed` differs by node
 *     log n2 1 1 3           before the start: entries of these terms on the disk of n2, which is in the last of them
 *     start
 *     timeout n1             n1's election timer runs out
 *     advance 50             milliseconds pass; everyone ticks
 *     persist n1             the writes of n1 complete; messages that waited for them leave; `persist n1 3` up to #3
 *     window 2 · bytes 3     before `cluster`: appends in flight, payload bytes of one append
 *     deliver n1>n2          what n1 sent to n2 arrives, in order; `deliver n1>*` and `deliver` do more of it
 *     drop n1>n2             it is lost instead; `repeat n1>n2` delivers it and keeps it
 *     settle                 writes complete and messages arrive until nothing moves
 *     pass 300               as `advance 50` and `settle`, over and over
 *     idle 12000             as `pass`; heartbeats and their answers are not shown
 *     cut n1 n3 · heal       what goes between the two is lost · no longer
 *     propose n1 a b         one batch of two entries
 *     crash n1               n1 restarts with what it had persisted
 *     newborn 3              as `cluster`, but their incarnations are not written down yet
 *     cluster n1 n2@5 n3/witness    voters by name: priority 5, a witness
 *     outsider n4            a node that starts with the same membership, and is not in it
 *     change n1 n1 n2 n4 | n5/staging n6/standby    n1 is asked for these voters and learners; `n5/staging>n2` replaces n2
 *     unready n5 · ready n5  its own copy is (in)complete
 *     read n2                a linearizable read is asked of n2
 *     transfer n1 n3         n1 is asked to hand over to n3
 *     wipe n2 · lose n2 4    n2 restarts with an empty disk, as another incarnation · without its entries from 4 on
 *     transfer n1 · lost n2 n1 · bar n1 · free n1 · stall n1
 *     show                   one line a node
 */

import { checkConfig, type CoreConfig } from '../../src/raft/core/config.js';
import type { Effect, Input } from '../../src/raft/core/effects.js';
import type { Message } from '../../src/raft/core/messages.js';
import { createCore, type CoreState } from '../../src/raft/core/state.js';
import { step } from '../../src/raft/core/step.js';
import type { LogBatch } from '../../src/raft/storage.js';
import {
  logIndex,
  nodeId,
  term,
  type Entry,
  type HardState,
  type Incarnation,
  type NodeId,
} from '../../src/raft/types.js';

import { decodeMembership, type Learner, type Membership, type Voter } from '../../src/raft/membership.js';
import type { ChangeResult, ReadResult } from '../../src/raft/driver-api.js';
import { describeMembership, incarnationNamed, staging, standby, voter, votersNamed } from './members.js';

const MS = 1_000_000;

interface Write {
  readonly seq: number;
  readonly batch: LogBatch;
}

interface Sent {
  readonly from: NodeId;
  readonly incarnation: Incarnation;
  readonly to: NodeId;
  readonly message: Message;
  /** 0 once it has left. */
  after: number;
}

interface Node {
  readonly id: NodeId;
  core: CoreState | null;
  hardState: HardState;
  disk: Entry[];
  writes: Write[];
  nextRequest: number;
  /** How often its disk was emptied. */
  life: number;
}

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const bytesOf = (word: string): Uint8Array => Uint8Array.from(word, (char) => char.charCodeAt(0));

export class ScriptWorld {
  #now = 0;
  readonly #nodes: Node[] = [];
  #network: Sent[] = [];
  readonly #cuts = new Set<string>();
  /** What every node starts with. */
  #born: Membership = votersNamed([]);
  #out: string[] = [];
  #maxInflightAppends = 64;
  #maxAppendBytes = 16;

  /** @returns what happened, one line each; "nothing" if nothing did */
  run(line: string): string {
    this.#out = [];
    const [verb = '', ...args] = line.trim().split(/\s+/);
    this.#verb(verb, args);
    return this.#out.length === 0 ? 'nothing' : this.#out.join('\n');
  }

  #verb(verb: string, args: readonly string[]): void {
    const [first = ''] = args;
    switch (verb) {
      case 'cluster':
      case 'newborn':
        this.#cluster(args, verb === 'newborn');
        return;
      case 'outsider':
        this.#addNode(nodeId(first));
        return;
      case 'change':
        this.#change(this.#node(first), args.slice(1));
        return;
      case 'ready':
      case 'unready':
        this.#step(this.#node(first), { kind: 'ready', value: verb === 'ready' });
        return;
      case 'read':
        this.#step(this.#node(first), { kind: 'read', requests: [this.#node(first).nextRequest++] });
        return;
      case 'wipe':
        this.#wipe(this.#node(first));
        return;
      case 'lose':
        this.#node(first).disk.length = Number(args[1]) - 1;
        this.#crash(this.#node(first));
        return;
      case 'window':
        this.#maxInflightAppends = Number(first);
        return;
      case 'bytes':
        this.#maxAppendBytes = Number(first);
        return;
      case 'log':
        this.#setLog(this.#node(first), args.slice(1).map(Number));
        return;
      case 'start':
        for (const node of this.#nodes) this.#start(node);
        return;
      case 'timeout':
        this.#timeout(this.#node(first));
        return;
      case 'advance':
        this.#advance(Number(first));
        return;
      case 'persist':
        this.#persist(this.#node(first), Number(args[1] ?? Infinity));
        return;
      case 'deliver':
        this.#deliver(first, false);
        return;
      case 'repeat':
        this.#deliver(first, true);
        return;
      case 'drop':
        this.#drop(first);
        return;
      case 'pass':
        for (let passed = 0; passed < Number(first); passed += 50) {
          this.#advance(50);
          this.#settle();
        }
        return;
      case 'idle':
        this.#verb('pass', args);
        this.#out = this.#out.filter((line) => !/^n\d -> n\d heartbeat/.test(line));
        return;
      case 'cut':
        this.#cuts.add(`${first}>${args[1] ?? ''}`).add(`${args[1] ?? ''}>${first}`);
        return;
      case 'heal':
        this.#cuts.clear();
        return;
      case 'settle':
        this.#settle();
        return;
      case 'propose':
        this.#propose(this.#node(first), args.slice(1));
        return;
      case 'crash':
        this.#crash(this.#node(first));
        return;
      case 'transfer':
        this.#step(this.#node(first), {
          kind: 'transfer',
          request: this.#node(first).nextRequest++,
          target: args[1] === undefined ? null : nodeId(args[1]),
        });
        return;
      case 'lost':
        this.#step(this.#node(first), { kind: 'peerLost', peer: nodeId(args[1] ?? '') });
        return;
      case 'bar':
      case 'free':
        this.#step(this.#node(first), { kind: 'mayLead', value: verb === 'free' });
        return;
      case 'stall':
        this.#step(this.#node(first), { kind: 'tick', stalled: true });
        return;
      case 'show':
        for (const node of this.#nodes) this.#out.push(describeNode(node));
        return;
      default:
        throw new Error(`no such verb: ${verb}`);
    }
  }

  #node(id: string): Node {
    const found = this.#nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no such node: ${id}`);
    return found;
  }

  #cluster(args: readonly string[], newborn: boolean): void {
    const [first = ''] = args;
    const words = /^\d+$/.test(first) ? Array.from({ length: Number(first) }, (_, at) => `n${at + 1}`) : args;
    const voters = words.map(readVoter);
    this.#born = {
      ...votersNamed([]),
      voters: newborn ? voters.map((one) => ({ ...one, incarnation: null })) : voters,
    };
    for (const { id } of voters) this.#addNode(id);
  }

  /** The incarnation that a node has now. */
  #incarnationOf(id: string): Incarnation {
    return incarnationNamed(id, this.#nodes.find((node) => node.id === id)?.life ?? 0);
  }

  #change(node: Node, words: readonly string[]): void {
    const bar = words.indexOf('|');
    const voters = words.slice(0, bar < 0 ? words.length : bar).map(readVoter);
    const learners = bar < 0 ? [] : words.slice(bar + 1).map(readLearner);
    const asNow = <T extends Voter | Learner>(member: T): T => ({
      ...member,
      incarnation: this.#incarnationOf(member.id),
    });
    this.#step(node, {
      kind: 'changeMembership',
      request: node.nextRequest++,
      target: { voters: voters.map(asNow), learners: learners.map(asNow) },
    });
  }

  #wipe(node: Node): void {
    node.life++;
    node.disk = [];
    node.hardState = { term: term(0), vote: null, commit: logIndex(0) };
    this.#crash(node);
  }

  #addNode(id: NodeId): void {
    const hardState = { term: term(0), vote: null, commit: logIndex(0) };
    this.#nodes.push({ id, core: null, hardState, disk: [], writes: [], nextRequest: 1, life: 0 });
  }

  #setLog(node: Node, terms: readonly number[]): void {
    node.disk = terms.map((of, at) => ({
      index: logIndex(at + 1),
      term: term(of),
      kind: 'command',
      time: 0n,
      payload: bytesOf(`t${of}i${at + 1}`),
    }));
    node.hardState = { ...node.hardState, term: term(terms.at(-1) ?? 0) };
  }

  #config(node: Node): CoreConfig {
    return checkConfig({
      id: node.id,
      incarnation: this.#incarnationOf(node.id),
      heartbeat: 50 * MS,
      electionMin: 300 * MS,
      electionMax: 600 * MS,
      maxUncommittedBytes: 64,
      maxAppendBytes: this.#maxAppendBytes,
      maxInflightAppends: this.#maxInflightAppends,
      maxInflightBytes: 1024,
      maxCacheBytes: 1 << 16,
      compaction: { trailingEntries: 2, trimBytes: 1, trimInterval: 3_600_000 * MS },
      seed: node.id.charCodeAt(1),
    });
  }

  #start(node: Node): void {
    const termRuns: { firstIndex: Entry['index']; term: Entry['term'] }[] = [];
    for (const entry of node.disk) {
      if (termRuns.at(-1)?.term !== entry.term) termRuns.push({ firstIndex: entry.index, term: entry.term });
    }
    const image = {
      hardState: node.hardState,
      firstIndex: logIndex(1),
      lastIndex: logIndex(node.disk.length),
      termRuns,
      lastEntry: node.disk.at(-1) ?? null,
      appliedIndex: logIndex(0),
      membership: { index: logIndex(0), membership: this.#born },
      laterMemberships: node.disk
        .filter((entry) => entry.kind === 'config')
        .map(({ index, payload }) => ({ index, membership: decodeMembership(payload) })),
    };
    node.core = createCore(this.#config(node), image, this.#now);
    this.#step(node, { kind: 'start' });
  }

  #step(node: Node, input: Input): void {
    if (node.core === null) return;
    for (const effect of step(node.core, this.#now, input)) this.#effect(node, effect);
  }

  #effect(node: Node, effect: Effect): void {
    const say = (what: string): void => {
      this.#out.push(`${node.id} ${what}`);
    };
    switch (effect.kind) {
      case 'compact':
        say(`trims its log up to ${effect.to}`);
        this.#step(node, { kind: 'compacted' });
        return;
      case 'persist':
        node.writes.push(effect);
        say(`writes #${effect.seq}: ${describeBatch(effect.batch)}`);
        return;
      case 'send': {
        const held = node.writes.some((write) => write.seq <= effect.after);
        if (this.#cuts.has(`${node.id}>${effect.to}`)) return;
        this.#network.push({
          from: node.id,
          incarnation: this.#incarnationOf(node.id),
          to: effect.to,
          message: effect.message,
          after: held ? effect.after : 0,
        });
        say(`-> ${effect.to} ${describeMessage(effect.message)}${held ? ` (after #${effect.after})` : ''}`);
        return;
      }
      case 'readEntries': {
        say(`reads ${effect.from}..${effect.to}`);
        const entries = node.disk.slice(effect.from - 1, effect.to);
        this.#step(node, { kind: 'entriesRead', purpose: effect.purpose, from: effect.from, entries });
        return;
      }
      case 'apply':
        say(`applies ${describeEntries(effect.entries)}`);
        return;
      case 'answer':
        say(`answers request ${effect.request}: ${describeResult(effect.result)}`);
        return;
      case 'changed':
        say(`answers change ${effect.request}: ${describeChange(effect.result)}`);
        return;
      case 'read':
        say(`answers read ${effect.requests.join(' ')}: ${describeRead(effect.result)}`);
        return;
      case 'transferred':
        say(`answers transfer ${effect.request}: ${effect.transferred ? 'done' : 'nobody took over'}`);
        return;
      case 'event':
        say(describeEvent(effect.event));
        return;
    }
  }

  #timeout(node: Node): void {
    if (node.core === null) return;
    this.#now = Math.max(this.#now, node.core.electionAt);
    this.#step(node, { kind: 'tick', stalled: false });
  }

  #advance(milliseconds: number): void {
    this.#now += milliseconds * MS;
    for (const node of this.#nodes) this.#step(node, { kind: 'tick', stalled: false });
  }

  #persist(node: Node, upTo = Infinity): void {
    const writes = node.writes.filter((write) => write.seq <= upTo);
    node.writes = node.writes.filter((write) => write.seq > upTo);
    for (const { batch } of writes) {
      if (batch.hardState !== undefined) node.hardState = batch.hardState;
      if (batch.truncateFrom !== undefined) node.disk.length = batch.truncateFrom - 1;
      node.disk.push(...batch.entries);
    }
    const seq = writes.at(-1)?.seq;
    if (seq === undefined) return;
    for (const sent of this.#network) if (sent.from === node.id && sent.after <= seq) sent.after = 0;
    this.#step(node, { kind: 'persisted', seq });
  }

  #take(link: string): Sent[] {
    const [from = '*', to = '*'] = link === '' ? [] : link.split('>');
    const taken = this.#network.filter(
      (sent) => sent.after === 0 && (from === '*' || sent.from === from) && (to === '*' || sent.to === to),
    );
    this.#network = this.#network.filter((sent) => !taken.includes(sent));
    return taken;
  }

  #deliver(link: string, keep: boolean): void {
    const taken = this.#take(link);
    for (const { from, incarnation, to, message } of taken) {
      const input: Input =
        message.kind === 'forward'
          ? forwarded(from, incarnation, message)
          : { kind: 'message', from, incarnation, message };
      this.#step(this.#node(to), input);
    }
    if (keep) this.#network.push(...taken);
  }

  #drop(link: string): void {
    for (const { from, to, message } of this.#take(link)) {
      this.#out.push(`lost: ${from} -> ${to} ${describeMessage(message)}`);
    }
  }

  #settle(): void {
    for (let round = 0; round < 100; round++) {
      const before = this.#out.length;
      for (const node of this.#nodes) this.#persist(node);
      this.#deliver('', false);
      if (this.#out.length === before && this.#network.length === 0) return;
    }
    throw new Error('it does not settle');
  }

  #propose(node: Node, words: readonly string[]): void {
    const proposal = { from: 'local', request: node.nextRequest++, payloads: words.map(bytesOf) } as const;
    this.#step(node, { kind: 'propose', proposals: [proposal], time: BigInt(Math.floor(this.#now)) });
  }

  #crash(node: Node): void {
    node.writes = [];
    this.#network = this.#network.filter((sent) => sent.from !== node.id || sent.after === 0);
    this.#start(node);
  }
}

/** `n3/witness`, `n2@5` */
function readVoter(word: string): Voter {
  const [, id = '', kind = 'full', priority = '0'] = /^(\w+)(?:\/(\w+))?(?:@(\d+))?$/.exec(word) ?? [];
  return voter(id, { kind: kind === 'witness' ? 'witness' : 'full', priority: Number(priority) });
}

/** `n5/staging`, `n5/staging>n2`, `n6/standby` */
function readLearner(word: string): Learner {
  const [, id = '', kind = 'staging', replaces] = /^(\w+)\/(\w+)(?:>(\w+))?$/.exec(word) ?? [];
  if (kind === 'standby') return standby(id);
  return staging(id, { replaces: replaces === undefined ? null : nodeId(replaces) });
}

function forwarded(
  from: NodeId,
  incarnation: Incarnation,
  message: Extract<Message, { kind: 'forward' }>,
): Input {
  const { term: meantFor, request, payloads } = message;
  return {
    kind: 'propose',
    proposals: [{ from: 'peer', peer: from, incarnation, term: meantFor, request, payloads }],
    time: null,
  };
}

function describeEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${entry.index}/${entry.term}:${describeContent(entry)}`).join(' ');
}

function describeContent({ kind, payload }: Entry): string {
  if (kind === 'noop') return 'noop';
  return kind === 'config' ? `config(${describeMembership(decodeMembership(payload))})` : text(payload);
}

function describeBatch(batch: LogBatch): string {
  const parts: string[] = [];
  const { hardState, truncateFrom, entries } = batch;
  if (hardState !== undefined) parts.push(`term ${hardState.term} vote ${hardState.vote ?? 'nobody'}`);
  if (truncateFrom !== undefined) parts.push(`cut from ${truncateFrom}`);
  if (entries.length > 0) parts.push(describeEntries(entries));
  return parts.join(', ');
}

function describeMessage(message: Message): string {
  const head = `${message.kind} t${message.term}`;
  switch (message.kind) {
    case 'preVote':
      return `${head} log ${message.lastIndex}/${message.lastTerm}`;
    case 'vote':
      return `${head} log ${message.lastIndex}/${message.lastTerm}${message.transfer ? ' transfer' : ''}`;
    case 'preVoteReply':
    case 'voteReply':
      return `${head} ${message.granted ? 'granted' : 'refused'}`;
    case 'append':
      return `${head} prev ${message.prevIndex}/${message.prevTerm} commit ${message.commit} [${describeEntries(message.entries)}]`;
    case 'appendOk':
      return `${head} match ${message.match}`;
    case 'appendReject':
      return `${head} rejected ${message.rejected} hint ${message.hintIndex}/${message.hintTerm}`;
    case 'snapshotNeeded':
      return `${head} log begins at ${message.firstIndex}`;
    case 'heartbeat':
      return `${head} commit ${message.commit}${message.floor > 0 ? ` floor ${message.floor}` : ''} round ${message.round}`;
    case 'commitNotice':
      return `${head} commit ${message.commit}`;
    case 'heartbeatReply':
      return `${head} matched ${message.matched}${message.synced > 0 ? ` synced ${message.synced}` : ''} round ${message.round}`;
    case 'readRequest':
      return head;
    case 'readReply':
      return `${head} ${message.index === null ? 'cannot say' : `at ${message.index}`}`;
    case 'timeoutNow':
      return head;
    case 'forward':
      return `${head} [${message.payloads.map(text).join(' ')}]`;
    case 'forwardReply':
      return `${head} ${message.status}${message.index > 0 ? ` at ${message.index}` : ''}${message.leader === null ? '' : `, ask ${message.leader}`}`;
  }
}

function describeResult(result: Extract<Effect, { kind: 'answer' }>['result']): string {
  switch (result.status) {
    case 'applied':
      return `applied at ${result.index}`;
    case 'notLeader':
      return `not leader, ask ${result.leader ?? 'nobody known'}`;
    case 'overloaded':
    case 'unknown':
      return result.status;
  }
}

function describeChange(result: ChangeResult): string {
  switch (result.status) {
    case 'applied':
      return `applied at ${result.index}`;
    case 'notLeader':
      return `not leader, ask ${result.leader ?? 'nobody known'}`;
    case 'refused':
      return `refused (${result.reason}), ${result.problem}`;
    case 'unknown':
      return 'unknown';
  }
}

function describeRead(result: ReadResult): string {
  switch (result.status) {
    case 'ready':
      return `ready at ${result.index}`;
    case 'notLeader':
      return `not leader, ask ${result.leader ?? 'nobody known'}`;
    case 'overloaded':
    case 'unknown':
      return result.status;
  }
}

function describeEvent(event: Extract<Effect, { kind: 'event' }>['event']): string {
  switch (event.kind) {
    case 'role':
      return `is ${event.role} in term ${event.term}, leader ${event.leader ?? 'unknown'}`;
    case 'quorumLost':
      return `hears no quorum in term ${event.term}`;
    case 'membership': {
      const { index, committed, membership } = event.status;
      return `membership at ${index}${committed ? '' : ' (not committed)'}: ${describeMembership(membership)}`;
    }
    case 'matchRegressed':
      return `sees the log of ${event.peer} go back from ${event.from} to ${event.to}`;
    case 'learnerBehind':
      return `sees ${event.peer} stay behind: ${event.rounds} rounds, at ${event.match} of ${event.lastIndex}`;
    case 'snapshotNeeded':
      return `lacks what is below ${event.firstIndex}: needs a snapshot`;
    case 'compacted':
      return `log begins at ${event.firstIndex}`;
    case 'persisted':
      return 'persisted';
  }
}

function describeNode(node: Node): string {
  const { core } = node;
  if (core === null) return `${node.id} is down`;
  const runs = core.log.termRuns.map((run) => `${run.firstIndex}/${run.term}`).join(' ');
  return (
    `${node.id} ${core.role} term ${core.term} vote ${core.vote ?? 'nobody'} leader ${core.leader ?? 'unknown'} ` +
    `commit ${core.commit} durable ${core.durability.durable} last ${core.log.lastIndex} runs [${runs}]`
  );
}
