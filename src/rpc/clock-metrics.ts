/** What is told of the clock to whoever scrapes: state, bound, sources, anomalies, leap seconds. */

import type { ClockState, LeapState, PeerVerdict } from '../time/types.js';
import { flag, seconds, type Pulled, type Sample } from './pulled-metric.js';

export interface ClockSourceSnapshot {
  readonly name: string;
  readonly role: 'reference' | 'monitor';
  readonly accepted: number;
  readonly rejected: number;
  readonly rejectedBy: Readonly<Record<string, number>>;
  /** Node − source. */
  readonly offsetNs: bigint;
  readonly uncertaintyNs: bigint;
  readonly delayNs: bigint;
  /** Shortest so far; null if no sample was accepted yet. */
  readonly leastDelayNs: bigint | null;
  /** Negative if no sample was accepted yet. */
  readonly ageNs: bigint;
  /** The last eight questions, newest in bit 0. */
  readonly reach: number;
  readonly authenticated: boolean;
  readonly questionsLeft: number;
}

/** Since the start of the process, by names of closed lists. */
export interface ClockCounts {
  readonly anomalies: Readonly<Record<string, number>>;
  readonly transitions: Readonly<Record<string, number>>;
  readonly kisses: Readonly<Record<string, number>>;
}

export interface ClockSnapshot {
  readonly state: ClockState;
  readonly epoch: number;
  /** Half of latest − earliest. Unit: ns. */
  readonly uncertaintyNs: bigint;
  readonly rhoPpb: number;
  readonly unmonitored: boolean;
  readonly peers: PeerVerdict;
  readonly taiMinusUtc: number;
  readonly leap: LeapState;
  readonly leapTableDaysLeft: number;
  readonly leapTableApproved: boolean;
  /** As fitted; null while too few samples are known. */
  readonly rate: { readonly ratePpb: number; readonly skewPpb: number } | null;
  readonly workerDelayMs: number;
  readonly counts: ClockCounts;
  /** Clock of the host − TAA clock. Unit: ns. Null while the TAA clock does not know the time. */
  readonly hostOffsetNs: bigint | null;
  /** What is wrong with the discipline of the host's clock. */
  readonly hostFindings: readonly string[];
  readonly sources: readonly ClockSourceSnapshot[];
}

const clockStates: readonly ClockState[] = [
  'unsynchronised',
  'acquiring',
  'synchronised',
  'holdover',
  'outOfTolerance',
  'disrupted',
  'quarantined',
];
const leapStates: readonly LeapState[] = ['none', 'announced', 'inProgress', 'infoStale', 'doubtful'];
const peerVerdicts: readonly PeerVerdict[] = ['agree', 'disagree', 'unknown'];

interface WithClock {
  readonly clock: ClockSnapshot;
}

const perSource =
  (read: (source: ClockSourceSnapshot) => number | null) =>
  ({ clock }: WithClock): readonly Sample[] =>
    clock.sources.flatMap((source) => {
      const value = read(source);
      return value === null ? [] : [[{ source: source.name, role: source.role }, value] as const];
    });

const counted = (label: string, counts: Readonly<Record<string, number>>): readonly Sample[] =>
  Object.entries(counts).map(([name, count]) => [{ [label]: name }, count] as const);

const sourceLabels = ['source', 'role'];

export const clockMetrics: readonly Pulled<WithClock>[] = [
  {
    type: 'gauge',
    name: 'taa_clock_state',
    help: '1 for the state that the clock is in, 0 for the others; time is served in synchronised and holdover.',
    labels: ['state'],
    read: ({ clock }) => clockStates.map((state) => [{ state }, flag(state === clock.state)] as const),
  },
  {
    type: 'gauge',
    name: 'taa_clock_uncertainty_seconds',
    help: 'Half the width of the interval in which the true time lies.',
    read: ({ clock }) => seconds(clock.uncertaintyNs),
  },
  {
    type: 'gauge',
    name: 'taa_clock_rate_error_ratio',
    help: 'Assumed bound of the rate error of the oscillator.',
    read: ({ clock }) => clock.rhoPpb / 1e9,
  },
  {
    type: 'gauge',
    name: 'taa_clock_unmonitored',
    help: '1 while no monitor source can vouch for the reference.',
    read: ({ clock }) => flag(clock.unmonitored),
  },
  {
    type: 'gauge',
    name: 'taa_clock_host_offset_seconds',
    help: 'Clock of the host minus TAA clock; no value while the TAA clock does not know the time.',
    labels: [],
    read: ({ clock }) => (clock.hostOffsetNs === null ? [] : [[{}, seconds(clock.hostOffsetNs)] as const]),
  },
  {
    type: 'gauge',
    name: 'taa_clock_host_finding',
    help: '1 for each thing that is wrong with the discipline of the clock of the host.',
    labels: ['finding'],
    read: ({ clock }) => clock.hostFindings.map((finding) => [{ finding }, 1] as const),
  },
  {
    type: 'counter',
    name: 'taa_clock_disruptions_total',
    help: 'Times that the clock or its reference jumped.',
    read: ({ clock }) => clock.epoch,
  },
  {
    type: 'counter',
    name: 'taa_clock_samples_accepted_total',
    help: 'Samples of the source that were used.',
    labels: sourceLabels,
    read: perSource(({ accepted }) => accepted),
  },
  {
    type: 'counter',
    name: 'taa_clock_samples_rejected_total',
    help: 'Samples of the source that failed a test.',
    labels: sourceLabels,
    read: perSource(({ rejected }) => rejected),
  },
  {
    type: 'counter',
    name: 'taa_clock_samples_failed_total',
    help: 'Samples of the source by the first test that they failed; answered: there was no answer.',
    labels: [...sourceLabels, 'test'],
    read: ({ clock }) =>
      clock.sources.flatMap(({ name, role, rejectedBy }) =>
        Object.entries(rejectedBy).map(([test, count]) => [{ source: name, role, test }, count] as const),
      ),
  },
  {
    type: 'gauge',
    name: 'taa_clock_source_offset_seconds',
    help: 'Node minus source, of the last accepted sample.',
    labels: sourceLabels,
    read: perSource(({ offsetNs, ageNs }) => (ageNs < 0n ? null : seconds(offsetNs))),
  },
  {
    type: 'gauge',
    name: 'taa_clock_source_uncertainty_seconds',
    help: 'Uncertainty of that offset.',
    labels: sourceLabels,
    read: perSource(({ uncertaintyNs, ageNs }) => (ageNs < 0n ? null : seconds(uncertaintyNs))),
  },
  {
    type: 'gauge',
    name: 'taa_clock_source_delay_seconds',
    help: 'Round trip of the last accepted sample.',
    labels: sourceLabels,
    read: perSource(({ delayNs, ageNs }) => (ageNs < 0n ? null : seconds(delayNs))),
  },
  {
    type: 'gauge',
    name: 'taa_clock_source_age_seconds',
    help: 'Time since the last accepted sample.',
    labels: sourceLabels,
    read: perSource(({ ageNs }) => (ageNs < 0n ? null : seconds(ageNs))),
  },
  {
    type: 'gauge',
    name: 'taa_clock_source_delay_least_seconds',
    help: 'Shortest round trip of an accepted sample since start.',
    labels: sourceLabels,
    read: perSource(({ leastDelayNs }) => (leastDelayNs === null ? null : seconds(leastDelayNs))),
  },
  {
    type: 'gauge',
    name: 'taa_clock_source_reach',
    help: 'How many of the last eight questions gave a sample that was used.',
    labels: sourceLabels,
    read: perSource(({ reach }) => reach.toString(2).replaceAll('0', '').length),
  },
  {
    type: 'gauge',
    name: 'taa_clock_source_authenticated',
    help: '1 if the last accepted sample was authenticated.',
    labels: sourceLabels,
    read: perSource(({ authenticated }) => flag(authenticated)),
  },
  {
    type: 'gauge',
    name: 'taa_clock_source_questions_left',
    help: 'Questions that the polling budget of the source still holds.',
    labels: sourceLabels,
    read: perSource(({ questionsLeft }) => questionsLeft),
  },
  {
    type: 'gauge',
    name: 'taa_clock_reference_age_seconds',
    help: 'Time since the last accepted sample of any reference: the age of the bound.',
    read: ({ clock }) => {
      const ages = clock.sources.filter(({ role, ageNs }) => role === 'reference' && ageNs >= 0n);
      return ages.length === 0 ? [] : [[{}, Math.min(...ages.map(({ ageNs }) => seconds(ageNs)))]];
    },
  },
  {
    type: 'gauge',
    name: 'taa_clock_monitor_spread_seconds',
    help: 'Largest minus smallest of what the monitors say of this clock; no value with fewer than two.',
    read: ({ clock }) => {
      const offsets = clock.sources
        .filter(({ role, ageNs }) => role === 'monitor' && ageNs >= 0n)
        .map(({ offsetNs }) => seconds(offsetNs));
      return offsets.length < 2 ? [] : [[{}, Math.max(...offsets) - Math.min(...offsets)]];
    },
  },
  {
    type: 'gauge',
    name: 'taa_clock_rate_ratio',
    help: 'Rate of TAI against the oscillator minus one, as fitted; no value while none is known.',
    read: ({ clock }) => (clock.rate === null ? [] : [[{}, clock.rate.ratePpb / 1e9]]),
  },
  {
    type: 'gauge',
    name: 'taa_clock_rate_skew_ratio',
    help: 'Standard error of that rate by the fit alone; the promised bound does not rest on it.',
    read: ({ clock }) => (clock.rate === null ? [] : [[{}, clock.rate.skewPpb / 1e9]]),
  },
  {
    type: 'gauge',
    name: 'taa_clock_worker_delay_seconds',
    help: 'How late the event loop of the clock ran, 99th percentile since start.',
    read: ({ clock }) => clock.workerDelayMs / 1e3,
  },
  {
    type: 'counter',
    name: 'taa_clock_anomalies_total',
    help: 'Anomalies of the clock by code; each is an audit record.',
    labels: ['code'],
    read: ({ clock }) => counted('code', clock.counts.anomalies),
  },
  {
    type: 'counter',
    name: 'taa_clock_transitions_total',
    help: 'Changes of state of the clock by reason; emptyIntersection proves that an assumption was broken.',
    labels: ['reason'],
    read: ({ clock }) => counted('reason', clock.counts.transitions),
  },
  {
    type: 'counter',
    name: 'taa_clock_kiss_codes_total',
    help: 'Kiss codes of servers: RATE, DENY, RSTR, NTSN, or another.',
    labels: ['code'],
    read: ({ clock }) => counted('code', clock.counts.kisses),
  },
  {
    type: 'gauge',
    name: 'taa_clock_peers',
    help: '1 for what the clocks of the other nodes say of this one, 0 for the others.',
    labels: ['verdict'],
    read: ({ clock }) => peerVerdicts.map((verdict) => [{ verdict }, flag(verdict === clock.peers)] as const),
  },
  {
    type: 'gauge',
    name: 'taa_clock_tai_offset_seconds',
    help: 'TAI - UTC that labels are made with.',
    read: ({ clock }) => clock.taiMinusUtc,
  },
  {
    type: 'gauge',
    name: 'taa_clock_leap_state',
    help: '1 for what is known of the next leap second, 0 for the others; nothing is issued while it is doubtful.',
    labels: ['state'],
    read: ({ clock }) => leapStates.map((state) => [{ state }, flag(state === clock.leap)] as const),
  },
  {
    type: 'gauge',
    name: 'taa_clock_leap_table_left_days',
    help: 'Days until the leap-seconds.list of this node ends; negative afterwards. Install a new one below 60.',
    read: ({ clock }) => clock.leapTableDaysLeft,
  },
  {
    type: 'gauge',
    name: 'taa_clock_leap_table_approved',
    help: '1 if the leap-seconds.list of this node is the approved one; 0: it does not issue.',
    read: ({ clock }) => flag(clock.leapTableApproved),
  },
];
