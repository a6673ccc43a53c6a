/**
 * The clock's state machine: a pure reducer, every change with its reason. Restriction is immediate, permission is earned
 * again: a clock that was disrupted or out of tolerance comes back only through acquiring, in a new epoch.
 *
 *   unsynchronised ─sample→ acquiring ─ready→ synchronised ⇄ holdover ─bound→ outOfTolerance ─sample→ acquiring
 *   any ─disruption→ disrupted ─sample→ acquiring;  three disruptions within an hour, or a confirmed anomaly of the
 *   reference ─→ quarantined ─operator→ unsynchronised;  a dispute among peers ─→ disrupted, left only after an
 *   operator's release and then a fresh sample
 */

import type { ClockState } from '../../time/types.js';
import { tuning } from './profile.js';

export type DisruptionReason =
  | 'emptyIntersection'
  | 'innovation'
  | 'suspended'
  /** The hypervisor says that the virtual machine was paused, migrated or restored. */
  | 'machineDisrupted'
  /** A majority of the cluster agrees on a time that this clock excludes. */
  | 'outvoted'
  /** Another clock excludes this one, and no majority says who is right. */
  | 'disputed';

export type TransitionReason =
  | DisruptionReason
  | 'firstSample'
  | 'acquired'
  | 'noSamples'
  | 'boundAboveSyncLimit'
  | 'boundAboveHoldLimit'
  | 'recovered'
  | 'excessRate'
  | 'reacquiring'
  | 'repeatedDisruption'
  | 'referenceAnomaly'
  | 'released';

export interface Machine {
  readonly state: ClockState;
  readonly epoch: number;
  /** Wall-clock instants of the disruptions within the last hour; kept over restarts. */
  readonly disruptions: readonly bigint[];
  /** Out of tolerance for a rate that no oscillator has: stays until an operator looks. */
  readonly rateHeld: boolean;
  /** Disrupted by a dispute that no majority decides: stays until an operator looks and a fresh sample of the reference comes. */
  readonly disputed: boolean;
}

/** Everything that `assess` judges by. */
export interface Assessment {
  readonly samples: number;
  readonly addresses: number;
  /** Since the last accepted reference sample. */
  readonly ageNs: bigint;
  /** max(latest − best, best − earliest). */
  readonly halfWidthNs: bigint;
  /** The served time would not be before a time that was served earlier. */
  readonly aboveHighWater: boolean;
  /** What is known here and what a peer promises cannot both be true. */
  readonly inDoubt: boolean;
}

export interface MachineLimits {
  readonly samplesNeeded: number;
  readonly addressesNeeded: number;
  readonly staleAfterNs: bigint;
  /** Above: holdover. */
  readonly syncNs: bigint;
  /** Above: out of tolerance. */
  readonly holdNs: bigint;
}

export type MachineEvent =
  | { readonly kind: 'sample' }
  | { readonly kind: 'assess'; readonly facts: Assessment }
  | { readonly kind: 'disruption'; readonly reason: DisruptionReason; readonly wallNs: bigint }
  | { readonly kind: 'excessRate' }
  | { readonly kind: 'referenceAnomaly' }
  | { readonly kind: 'released' };

export interface MachineStep {
  readonly machine: Machine;
  /** Null if nothing changed. */
  readonly reason: TransitionReason | null;
}

const stay = (machine: Machine): MachineStep => ({ machine, reason: null });
const go = (machine: Machine, state: ClockState, reason: TransitionReason): MachineStep => ({
  machine: { ...machine, state },
  reason,
});
const goNewEpoch = (machine: Machine, state: ClockState, reason: TransitionReason): MachineStep =>
  go({ ...machine, epoch: machine.epoch + 1 }, state, reason);

function onSample(machine: Machine): MachineStep {
  switch (machine.state) {
    case 'unsynchronised':
      return go(machine, 'acquiring', 'firstSample');
    case 'disrupted':
      // The epoch was already raised when service stopped.
      return machine.disputed ? stay(machine) : go(machine, 'acquiring', 'reacquiring');
    case 'outOfTolerance':
      return machine.rateHeld ? stay(machine) : goNewEpoch(machine, 'acquiring', 'reacquiring');
    case 'acquiring':
    case 'synchronised':
    case 'holdover':
    case 'quarantined':
      return stay(machine);
  }
}

/** What a serving clock is, by age and bound alone. Readers apply it to every reading, even with a dead worker. */
export function servingState(
  ageNs: bigint,
  halfWidthNs: bigint,
  limits: MachineLimits,
): { state: 'synchronised' | 'holdover' | 'outOfTolerance'; reason: TransitionReason } {
  if (halfWidthNs > limits.holdNs) return { state: 'outOfTolerance', reason: 'boundAboveHoldLimit' };
  if (halfWidthNs > limits.syncNs) return { state: 'holdover', reason: 'boundAboveSyncLimit' };
  if (ageNs > limits.staleAfterNs) return { state: 'holdover', reason: 'noSamples' };
  return { state: 'synchronised', reason: 'recovered' };
}

function onAssess(machine: Machine, facts: Assessment, limits: MachineLimits): MachineStep {
  switch (machine.state) {
    case 'acquiring': {
      const ready =
        facts.samples >= limits.samplesNeeded &&
        facts.addresses >= limits.addressesNeeded &&
        facts.aboveHighWater &&
        !facts.inDoubt &&
        servingState(facts.ageNs, facts.halfWidthNs, limits).state === 'synchronised';
      return ready ? go(machine, 'synchronised', 'acquired') : stay(machine);
    }
    case 'synchronised':
    case 'holdover': {
      const { state, reason } = servingState(facts.ageNs, facts.halfWidthNs, limits);
      return state === machine.state ? stay(machine) : go(machine, state, reason);
    }
    case 'unsynchronised':
    case 'outOfTolerance':
    case 'disrupted':
    case 'quarantined':
      return stay(machine);
  }
}

function onDisruption(machine: Machine, reason: DisruptionReason, wallNs: bigint): MachineStep {
  const recent = machine.disruptions.filter((at) => wallNs - at < tuning.disruptionWindowNs && at <= wallNs);
  const disputed = machine.disputed || reason === 'disputed';
  const next = { ...machine, disruptions: [...recent, wallNs], disputed };
  if (next.disruptions.length >= tuning.disruptionsToLatch)
    return goNewEpoch(next, 'quarantined', 'repeatedDisruption');
  return goNewEpoch(next, 'disrupted', reason);
}

export function machineStep(machine: Machine, event: MachineEvent, limits: MachineLimits): MachineStep {
  if (machine.state === 'quarantined' && event.kind !== 'released') return stay(machine);
  switch (event.kind) {
    case 'sample':
      return onSample(machine);
    case 'assess':
      return onAssess(machine, event.facts, limits);
    case 'disruption':
      return onDisruption(machine, event.reason, event.wallNs);
    case 'excessRate':
      if (machine.rateHeld) return stay(machine);
      return goNewEpoch({ ...machine, rateHeld: true }, 'outOfTolerance', 'excessRate');
    case 'referenceAnomaly':
      return goNewEpoch(machine, 'quarantined', 'referenceAnomaly');
    case 'released': {
      if (machine.state !== 'quarantined' && !machine.rateHeld && !machine.disputed) return stay(machine);
      return goNewEpoch(
        { ...machine, disruptions: [], rateHeld: false, disputed: false },
        'unsynchronised',
        'released',
      );
    }
  }
}
