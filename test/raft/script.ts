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
 *     cut n1 n3 · heal       what goes between the two is lost · no longer
 *     propose n1 a b         one batch of two entries
 *     crash n1               n1 restarts with what it had persisted
 *     transfer n1 · lost n2 n1 · bar n1 · free n1 · stall n1
 *     show                   one line a node
 */

import { checkConfig, type CoreConfig } from '../../src/raft/core/config.js';
import type { Effect, Input } from '../../src/raft/core/effects.js';
import type { Message } from '../../src/raft/core/messages.js';
import { createCore, type CoreState } from '../../src/raft/core/state.js';
import { step } from '../../src/raft/core/step.js';
import type { LogBatch } from '../../src/raft/storage.js';
import { logIndex, nodeId, term, type Entry, type HardState, type NodeId } from '../../src/raft/types.js';

import { describeMembership } from './members.js';

const MS = 1_000_000;

interface Write {
  readonly seq: number;
  readonly batch: LogBatch;
}

interface Sent {
  readonly from: NodeId;
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
}

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const bytesOf = (word: string): Uint8Array => Uint8Array.from(word, (char) => char.charCodeAt(0));

export class ScriptWorld {
  #now = 0;
  readonly #nodes: Node[] = [];
  #network: Sent[] = [];
  readonly #cuts = new Set<string>();
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
        for (let at = 1; at <= Number(first); at++) this.#addNode(nodeId(`n${at}`));
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
        this.#step(this.#node(first), { kind: 'transfer', request: this.#node(first).nextRequest++ });
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

  #addNode(id: NodeId): void {
    const hardState = { term: term(0), vote: null, commit: logIndex(0) };
    this.#nodes.push({ id, core: null, hardState, disk: [], writes: [], nextRequest: 1 });
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
      voterSets: [this.#nodes.map((one) => one.id)],
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
    for (const { from, to, message } of taken) {
      const node = this.#node(to);
      this.#step(
        node,
        message.kind === 'forward' ? forwarded(from, message) : { kind: 'message', from, message },
      );
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

function forwarded(from: NodeId, message: Extract<Message, { kind: 'forward' }>): Input {
  const { term: meantFor, request, payloads } = message;
  return {
    kind: 'propose',
    proposals: [{ from: 'peer', peer: from, term: meantFor, request, payloads }],
    time: null,
  };
}

function describeEntries(entries: readonly Entry[]): string {
  return entries
    .map((entry) => `${entry.index}/${entry.term}:${entry.kind === 'noop' ? 'noop' : text(entry.payload)}`)
    .join(' ');
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
    case 'heartbeat':
      return `${head} commit ${message.commit}${message.floor > 0 ? ` floor ${message.floor}` : ''}`;
    case 'commitNotice':
      return `${head} commit ${message.commit}`;
    case 'heartbeatReply':
      return `${head} matched ${message.matched}${message.synced > 0 ? ` synced ${message.synced}` : ''}`;
    case 'snapshotNeeded':
      return `${head} log begins at ${message.firstIndex}`;
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
