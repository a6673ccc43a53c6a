/**
 * The services of proto/, loaded once from the files beside package.json. Conversion settings are fixed here: 64-bit
 * integers as decimal strings, enums by name, every default present. The generated types in ./gen describe the same.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadSync } from '@grpc/proto-loader';
import type { MethodDefinition, PackageDefinition } from '@grpc/proto-loader';
import type { HealthDefinition } from './gen/grpc/health/v1/Health.js';
import type { AdminServiceDefinition } from './gen/taa/v1/AdminService.js';
import type { ConsensusServiceDefinition } from './gen/taa/v1/ConsensusService.js';
import type { LogServiceDefinition } from './gen/taa/v1/LogService.js';
import type { TimeServiceDefinition } from './gen/taa/v1/TimeService.js';
import {
  decodeLabAcknowledgement,
  decodeLabAppend,
  encodeLabAcknowledgement,
  encodeLabAppend,
} from './lab-messages.js';
import type { LabAcknowledgement, LabAppend } from './lab-messages.js';
import { findPackageRoot } from './package-root.js';
import { decodePeerMessage, encodePeerMessage } from './peer-message.js';
import type { PeerMessage } from './peer-message.js';

export type { PackageDefinition };

type Subscribe = ConsensusServiceDefinition['Subscribe'];
type SubscribeInput = Parameters<Subscribe['requestSerialize']>[0];
type SubscribeOutput = ReturnType<Subscribe['requestDeserialize']>;

/** Peer messages and laboratory appends use the codecs of this room instead of the loader's. */
export interface Services {
  'taa.v1.TimeService': TimeServiceDefinition;
  'taa.v1.LogService': LogServiceDefinition;
  'taa.v1.AdminService': AdminServiceDefinition;
  'taa.v1.ConsensusService': {
    Subscribe: MethodDefinition<SubscribeInput, Buffer | PeerMessage, SubscribeOutput, PeerMessage | null>;
  };
  'taa.v1.LabService': {
    Append: MethodDefinition<LabAppend, LabAcknowledgement>;
  };
  'grpc.health.v1.Health': HealthDefinition;
}

export type ServiceName = keyof Services;

let loaded: PackageDefinition | undefined;

/** Everything under proto/. Loaded at the first call, about 30 ms. */
export function packageDefinition(): PackageDefinition {
  if (loaded) return loaded;
  const protoDir = join(findPackageRoot(), 'proto');
  const files = readdirSync(protoDir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.proto'))
    .sort();
  loaded = loadSync(files, {
    includeDirs: [protoDir],
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  return loaded;
}

/** @throws Error when proto/ does not define the service: the package is damaged */
export function serviceDefinition<Name extends ServiceName>(name: Name): Services[Name] {
  const definition = packageDefinition()[name] as Services[ServiceName] | undefined;
  if (!definition) throw new Error(`${name} is not defined in proto/: reinstall the package`);
  return withOwnCodecs(name, definition) as Services[Name];
}

function withOwnCodecs(name: ServiceName, definition: Services[ServiceName]): Services[ServiceName] {
  if (name === 'taa.v1.ConsensusService') {
    const { Subscribe } = definition as Services['taa.v1.ConsensusService'];
    return {
      Subscribe: {
        ...Subscribe,
        // A message that goes to several peers is encoded once and handed over as bytes.
        responseSerialize: (message: Buffer | PeerMessage) =>
          Buffer.isBuffer(message) ? message : encodePeerMessage(message),
        responseDeserialize: decodePeerMessage,
      },
    };
  }
  if (name === 'taa.v1.LabService') {
    const { Append } = definition as Services['taa.v1.LabService'];
    return {
      Append: {
        ...Append,
        requestSerialize: encodeLabAppend,
        requestDeserialize: decodeLabAppend,
        responseSerialize: encodeLabAcknowledgement,
        responseDeserialize: decodeLabAcknowledgement,
      },
    };
  }
  return definition;
}
