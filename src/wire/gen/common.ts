import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AuditPolicy as _taa_v1_AuditPolicy, AuditPolicy__Output as _taa_v1_AuditPolicy__Output } from './taa/v1/AuditPolicy.js';
import type { Instant as _taa_v1_Instant, Instant__Output as _taa_v1_Instant__Output } from './taa/v1/Instant.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  taa: {
    v1: {
      AuditPolicy: MessageTypeDefinition<_taa_v1_AuditPolicy, _taa_v1_AuditPolicy__Output>
      ClockState: EnumTypeDefinition
      Instant: MessageTypeDefinition<_taa_v1_Instant, _taa_v1_Instant__Output>
      LeapState: EnumTypeDefinition
      Timescale: EnumTypeDefinition
      Verdict: EnumTypeDefinition
    }
  }
}

