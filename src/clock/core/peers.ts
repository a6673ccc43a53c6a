/**
 * The nodes of a cluster watch each other's clocks in rounds: every peer is asked at the same time, and once all have
 * answered (or the window is over) this node knows where it stands. Nobody's word about a third node is used: what B and C
 * think of each other is computed from what each of them said to this node.
 *
 *  - *outvoted*: a majority of the cluster agree among themselves and all of them disagree with this node.
 *  - *disputed*: this node disagrees with one that no majority finds wrong, and no majority agrees with this one either.
 *    Nobody can tell who is right, so both stop.
 *  - *doubted*: likewise, but a majority agrees with this node (and one with the other). One of the two is wrong: neither is
 *    vouched for until somebody's next look tells which.
 *  - *agree*: with this node, a majority of the cluster say the same.
 *  - *unknown*: too few are heard.
 *
 * Restriction is immediate, permission is earned: `agree` takes two rounds in a row, a dispute too, because a step between
 * two answers of one round looks like a dispute for that round; a lost datagram or two do not take `agree` away.
 */

import type { MonoNs, PeerVerdict } from '../../time/types.js';
import { NS_PER_MS } from '../../time/types.js';
import { OscillatorTrack, claimsExclude, viewOf } from './peer-relation.js';
import type { NodeView, PeerExchange, Range } from './peer-relation.js';

export interface PeersConfig {
  /** Names of the other nodes. */
  readonly peers: readonly string[];
  /** Nodes in the cluster, this one included: what a majority is counted of. */
  readonly clusterSize: number;
}

export const peerTuning = {
  /** Between the beginnings of two rounds. */
  roundNs: 200n * NS_PER_MS,
  /** A round that was asked for begins no sooner than this after the one before. */
  hurryNs: 5n * NS_PER_MS,
  /** A round is over then, whoever is missing. */
  windowNs: 150n * NS_PER_MS,
  /** A peer that has not answered for this long is silent. */
  silentNs: 600n * NS_PER_MS,
  /** Rounds in a row without an answer after which a round no longer waits for the peer. */
  waitedRounds: 2,
  /** Rounds in a row that establish `agree`, and a dispute. */
  roundsToEstablish: 2,
  /** Rounds in a row without agreement that end `agree`. */
  roundsToForget: 3,
} as const;

export type RoundVerdict = 'agree' | 'unknown' | 'outvoted' | 'disputed' | 'doubted';

export type PeerNoteCode = 'peerSilent' | 'peerBack' | 'peerDisagrees' | 'peerAgrees';

/** A change in what is known of one peer; each becomes an event. */
export interface PeerNote {
  readonly code: PeerNoteCode;
  readonly peer: string;
  readonly detail: string;
}

export interface RoundOutcome {
  readonly verdict: RoundVerdict;
  /** Something about this node cannot be true together with what another says: nothing may begin to be served now. */
  readonly inDoubt: boolean;
  /** An oscillator was found to have moved beyond what was assumed: not only what is served is in doubt. */
  readonly oscillators: boolean;
  /** For a person. */
  readonly detail: string;
  readonly notes: readonly PeerNote[];
}

export interface PeerStatus {
  readonly name: string;
  readonly verdict: PeerVerdict;
  readonly silent: boolean;
  readonly answered: number;
  readonly missed: number;
  /** Peer's TAI − own TAI lies in it, by what both served; null if either said nothing. */
  readonly difference: Range | null;
  /** Round trip of the last exchange, nanoseconds. */
  readonly delay: bigint | null;
  readonly lastMono: MonoNs | null;
}

interface Peer {
  readonly name: string;
  verdict: PeerVerdict;
  /** Null before the first answer. */
  heardMono: MonoNs | null;
  missedInARow: number;
  silent: boolean;
  answered: number;
  missed: number;
  delay: bigint | null;
  difference: Range | null;
  /** As it last said of itself. */
  said: { readonly epoch: number; readonly disputed: boolean } | null;
}

interface Round {
  readonly number: number;
  readonly begun: MonoNs;
  readonly answers: Map<string, PeerExchange>;
}

/** A pair that cannot both be right, and why. */
interface Conflict {
  readonly a: number;
  readonly b: number;
  readonly oscillators: boolean;
  readonly detail: string;
}

export class PeerWatch {
  readonly #majority: number;
  readonly #peers: readonly Peer[];
  readonly #tracks = new Map<string, OscillatorTrack>();
  readonly #started: MonoNs;
  #round: Round | null = null;
  #number = 0;
  #nextMono: bigint;
  #wanted = 0;
  #lastBegun: bigint;
  #verdict: PeerVerdict = 'unknown';
  #agreedInARow = 0;
  #disputedInARow = 0;
  #otherInARow = 0;

  constructor(config: PeersConfig, now: MonoNs) {
    this.#majority = Math.floor(config.clusterSize / 2) + 1;
    this.#started = now;
    this.#nextMono = now;
    this.#lastBegun = now - peerTuning.roundNs;
    this.#peers = config.peers.map((name) => ({
      name,
      verdict: 'unknown',
      heardMono: null,
      missedInARow: 0,
      silent: false,
      answered: 0,
      missed: 0,
      delay: null,
      difference: null,
      said: null,
    }));
  }

  /** Where this node stands, with hysteresis. */
  get verdict(): PeerVerdict {
    return this.#verdict;
  }

  /** Earliest instant at which `due` or `close` has something to do. */
  nextMono(): bigint {
    if (this.#peers.length === 0) return this.#lastBegun + (1n << 62n);
    return this.#round === null ? this.#nextMono : this.#round.begun + peerTuning.windowNs;
  }

  /** So many rounds are wanted now: somebody waits for their outcome. */
  want(rounds: number): void {
    this.#wanted = Math.max(this.#wanted, rounds);
    this.#schedule();
  }

  /** What was known of who stands where belongs to an epoch that has ended. */
  forget(): void {
    this.#verdict = 'unknown';
    this.#agreedInARow = 0;
    this.#disputedInARow = 0;
  }

  /** A round that begins now: its number and whom to ask. Null if it is not time. */
  due(now: MonoNs): { readonly number: number; readonly peers: readonly string[] } | null {
    if (this.#round !== null || now < this.#nextMono || this.#peers.length === 0) return null;
    this.#number++;
    this.#round = { number: this.#number, begun: now, answers: new Map() };
    this.#lastBegun = now;
    if (this.#wanted > 0) this.#wanted--;
    return { number: this.#number, peers: this.#peers.map(({ name }) => name) };
  }

  /** An authentic answer to a question of that round. One that comes after its round only shows that the peer lives. */
  answered(name: string, round: number, exchange: PeerExchange, now: MonoNs): void {
    const peer = this.#peers.find((candidate) => candidate.name === name);
    if (peer === undefined) return;
    peer.heardMono = now;
    peer.answered++;
    peer.missedInARow = 0;
    peer.delay = exchange.m4 - exchange.m1 - (exchange.sent.mono - exchange.received.mono);
    if (this.#round?.number === round) this.#round.answers.set(name, exchange);
  }

  /** The outcome of the round, once it is over; `self` tells this node's own view at an instant. */
  close(now: MonoNs, self: (at: MonoNs) => NodeView): RoundOutcome | null {
    const round = this.#round;
    if (round === null) return null;
    const complete = this.#peers.every(
      ({ name, missedInARow }) => round.answers.has(name) || missedInARow >= peerTuning.waitedRounds,
    );
    if (!complete && now - round.begun < peerTuning.windowNs) return null;
    this.#round = null;
    this.#schedule();
    return this.#judge(round, now, self(now));
  }

  status(): readonly PeerStatus[] {
    return this.#peers.map(
      ({ name, verdict, silent, answered, missed, difference, delay, heardMono }): PeerStatus => ({
        name,
        verdict,
        silent,
        answered,
        missed,
        difference,
        delay,
        lastMono: heardMono,
      }),
    );
  }

  #schedule(): void {
    const pace = this.#wanted > 0 ? peerTuning.hurryNs : peerTuning.roundNs;
    this.#nextMono = this.#lastBegun + pace;
  }

  #judge(round: Round, now: MonoNs, self: NodeView): RoundOutcome {
    const views = [self];
    for (const peer of this.#peers) {
      const exchange = round.answers.get(peer.name);
      if (exchange !== undefined) views.push(viewOf(peer.name, exchange, now));
    }
    const conflicts = this.#conflicts(views, now);
    const standing = standingOf(views.length, conflicts, this.#majority);
    const agreeing = views.filter(
      (view, i) =>
        i > 0 && self.claim !== null && view.serving && view.claim !== null && !standing.against(0, i),
    ).length;
    const left = this.#leftInDispute(round);
    const opposed = views.some((_view, i) => i > 0 && standing.against(0, i) && !standing.outvoted.has(i));
    const verdict = standing.outvoted.has(0)
      ? 'outvoted'
      : agreeing + 1 >= this.#majority
        ? opposed
          ? 'doubted'
          : 'agree'
        : opposed || left !== null
          ? 'disputed'
          : 'unknown';
    const own = conflicts.filter(({ a }) => a === 0);
    const notes = this.#peers.flatMap((peer) => this.#note(peer, round, now, views, own));
    return {
      verdict: this.#settle(verdict, left !== null),
      inDoubt: verdict === 'outvoted' || verdict === 'disputed' || verdict === 'doubted',
      oscillators: own.some(({ oscillators }) => oscillators),
      detail: [...own.map(({ detail }) => detail), ...(left === null ? [] : [left])].join('; '),
      notes,
    };
  }

  /**
   * A peer has just stopped for a dispute. With it went what this node would have seen in the next round: unless a majority
   * agrees with this node, it is one of the two that disagree. Told once, so that a release is not undone by a peer that
   * still waits for its own.
   */
  #leftInDispute(round: Round): string | null {
    let left: string | null = null;
    for (const peer of this.#peers) {
      const exchange = round.answers.get(peer.name);
      if (exchange === undefined) continue;
      const { epoch, disputed } = exchange;
      if (disputed && peer.said !== null && !peer.said.disputed && peer.said.epoch < epoch)
        left = `${peer.name} stopped for a dispute`;
      peer.said = { epoch, disputed };
    }
    return left;
  }

  /** Hysteresis: what a single round says becomes what is told. */
  #settle(verdict: RoundVerdict, established: boolean): RoundVerdict {
    this.#agreedInARow = verdict === 'agree' ? this.#agreedInARow + 1 : 0;
    this.#disputedInARow = verdict === 'disputed' ? this.#disputedInARow + 1 : 0;
    this.#otherInARow = verdict === 'agree' ? 0 : this.#otherInARow + 1;
    switch (verdict) {
      case 'outvoted':
        this.#verdict = 'disagree';
        return verdict;
      case 'disputed':
        if (!established && this.#disputedInARow < peerTuning.roundsToEstablish) return 'unknown';
        this.#verdict = 'disagree';
        return verdict;
      case 'doubted':
        this.#verdict = 'disagree';
        return verdict;
      case 'agree':
        if (this.#agreedInARow >= peerTuning.roundsToEstablish) this.#verdict = 'agree';
        return verdict;
      case 'unknown':
        if (this.#otherInARow >= peerTuning.roundsToForget) this.#verdict = 'unknown';
        return verdict;
    }
  }

  #conflicts(views: readonly NodeView[], at: MonoNs): readonly Conflict[] {
    const found: Conflict[] = [];
    views.forEach((a, i) => {
      views.slice(i + 1).forEach((b, offset) => {
        const conflict = this.#conflict(a, b, at, i === 0);
        if (conflict !== null) found.push({ a: i, b: i + 1 + offset, ...conflict });
      });
    });
    return found;
  }

  /** Of this node itself even a claim that it does not serve yet counts: it must not become one. */
  #conflict(a: NodeView, b: NodeView, at: MonoNs, own: boolean): Omit<Conflict, 'a' | 'b'> | null {
    const moved = this.#track(a.name, b.name).look(a, b, at);
    if (moved !== null) {
      const least = moved.lo > 0n ? moved.lo : moved.hi;
      return {
        oscillators: true,
        detail: `the oscillator of ${b.name} moved by ${least.toString()} ns against that of ${a.name}`,
      };
    }
    if (!b.serving || !(own || a.serving) || !claimsExclude(a, b)) return null;
    const say = ({ name, claim }: NodeView): string =>
      `${name} says [${(claim?.lo ?? 0n).toString()}, ${(claim?.hi ?? 0n).toString()}] ns`;
    return { oscillators: false, detail: `TAI − own oscillator: ${say(a)}, ${say(b)}` };
  }

  #track(a: string, b: string): OscillatorTrack {
    const key = `${a}/${b}`;
    const known = this.#tracks.get(key) ?? new OscillatorTrack();
    this.#tracks.set(key, known);
    return known;
  }

  #note(
    peer: Peer,
    round: Round,
    now: MonoNs,
    views: readonly NodeView[],
    own: readonly Conflict[],
  ): readonly PeerNote[] {
    const notes: PeerNote[] = [];
    const at = views.findIndex(({ name }) => name === peer.name);
    const note = (code: PeerNoteCode, detail: string): void =>
      void notes.push({ code, peer: peer.name, detail });
    if (!round.answers.has(peer.name)) {
      peer.missed++;
      peer.missedInARow++;
      const since = peer.heardMono ?? this.#started;
      if (!peer.silent && now - since >= peerTuning.silentNs) {
        peer.silent = true;
        peer.verdict = 'unknown';
        note('peerSilent', `no answer from the clock of ${peer.name} for ${(now - since).toString()} ns`);
      }
      return notes;
    }
    if (peer.silent) {
      peer.silent = false;
      note('peerBack', `the clock of ${peer.name} answers again`);
    }
    const conflict = own.find(({ b }) => b === at);
    const before = peer.verdict;
    const [self, view] = [views[0] as NodeView, views[at] as NodeView];
    peer.difference =
      self.claim === null || view.claim === null
        ? null
        : { lo: view.claim.lo - self.claim.hi, hi: view.claim.hi - self.claim.lo };
    const known = self.claim !== null && view.claim !== null && view.serving;
    peer.verdict = conflict !== undefined ? 'disagree' : known ? 'agree' : 'unknown';
    if (peer.verdict === 'disagree' && before !== 'disagree') note('peerDisagrees', conflict?.detail ?? '');
    if (peer.verdict === 'agree' && before === 'disagree')
      note('peerAgrees', `the clock of ${peer.name} agrees with this one again`);
    return notes;
  }
}

/** Who disagrees with whom, and who is found wrong by a majority that agrees among itself. */
function standingOf(
  size: number,
  conflicts: readonly Conflict[],
  majority: number,
): { readonly outvoted: ReadonlySet<number>; readonly against: (a: number, b: number) => boolean } {
  const against = (a: number, b: number): boolean =>
    conflicts.some((pair) => (pair.a === a && pair.b === b) || (pair.a === b && pair.b === a));
  const nodes = Array.from({ length: size }, (_node, i) => i);
  const outvoted = new Set(
    nodes.filter((node) => {
      const accusers = nodes.filter((other) => other !== node && against(node, other));
      return largestAgreeing(accusers, against) >= majority;
    }),
  );
  return { outvoted, against };
}

/** Size of the largest group that agrees among itself. */
function largestAgreeing(nodes: readonly number[], against: (a: number, b: number) => boolean): number {
  const [first, ...rest] = nodes;
  if (first === undefined) return 0;
  const withFirst =
    1 +
    largestAgreeing(
      rest.filter((other) => !against(first, other)),
      against,
    );
  return withFirst > rest.length ? withFirst : Math.max(withFirst, largestAgreeing(rest, against));
}
