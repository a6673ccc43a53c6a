/**
 * gRPC server reflection (v1 and v1alpha), so that grpcurl and its like can explore a laboratory without our proto files.
 * A production cluster does not have it: who may call there has the files, and nobody else needs the list of doors. The
 * calls pass the guard like all others (./access.ts).
 */

import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { packageDefinition } from '../wire/descriptor.js';
import type { ServiceName } from '../wire/descriptor.js';

/** @param services what the listener serves: nothing else is listed */
export function addReflection(server: Server, services: readonly ServiceName[]): void {
  new ReflectionService(packageDefinition(), { services: [...services] }).addToServer(server);
}
