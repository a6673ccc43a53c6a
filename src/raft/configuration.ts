/** A `config` entry as those see it who keep the records of the cluster: who takes part, and with which data directory. */

import { decodeMembership, incarnationBytes, type Membership } from './membership.js';
import type { Incarnation } from './types.js';

export interface ConfiguredParticipant {
  readonly id: string;
  /** 16 bytes; null while it is not known. */
  readonly incarnation: Uint8Array | null;
}

export interface DescribedConfiguration {
  /** While the change is under way, those that it leads to. */
  readonly voters: readonly ConfiguredParticipant[];
  /** While the change is under way, those that it leads away from; null otherwise. */
  readonly outgoing: readonly string[] | null;
  readonly learners: readonly (ConfiguredParticipant & { readonly kind: 'staging' | 'standby' })[];
}

/** @throws MembershipFormatError */
export const describeConfiguration = (payload: Uint8Array): DescribedConfiguration =>
  described(decodeMembership(payload));

const described = ({ voters, outgoing, learners }: Membership): DescribedConfiguration => ({
  voters: voters.map(participant),
  outgoing: outgoing?.map(({ id }) => id) ?? null,
  learners: learners.map((learner) => ({ ...participant(learner), kind: learner.kind })),
});

const participant = ({
  id,
  incarnation,
}: {
  readonly id: string;
  readonly incarnation: Incarnation | null;
}): ConfiguredParticipant => ({
  id,
  incarnation: incarnation === null ? null : incarnationBytes(incarnation),
});
