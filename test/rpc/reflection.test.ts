/**
 * Reflection as a tool like grpcurl uses it: it lists the services of a listener and fetches the files that describe
 * them. Only in a laboratory.
 */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { MethodDefinition } from '@grpc/proto-loader';
import test from 'ava';
import { channelOptions, clientCredentials } from '../../src/pki/tls.js';
import type { ListenerName } from '../../src/rpc/access.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { cluster, serverIdentity, startFake } from './fake-node.js';
import type { TestServers } from './fake-node.js';

interface Question {
  readonly listServices?: string;
  readonly fileContainingSymbol?: string;
}
interface Answer {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] } | null;
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] } | null;
  readonly errorResponse?: { readonly errorCode: number } | null;
}
type Reflect = MethodDefinition<Question, unknown, unknown, Answer>;

const library = dirname(createRequire(import.meta.url).resolve('@grpc/reflection'));
const versions = ['v1', 'v1alpha'].map((version): Reflect => {
  const file = `grpc/reflection/${version}/reflection.proto`;
  const loaded = loadSync(file, { includeDirs: [join(library, '..', 'proto')] });
  const service = loaded[`grpc.reflection.${version}.ServerReflection`] as Record<string, unknown>;
  return service['ServerReflectionInfo'] as Reflect;
});

/** One question on a stream of its own, as an auditor; the administration listener knows that role, as all do. */
async function ask(
  { servers }: TestServers,
  listener: ListenerName,
  method: Reflect,
  question: Question,
): Promise<Answer | RpcError> {
  const client = new Client(
    `127.0.0.1:${servers.ports[listener]}`,
    clientCredentials(cluster.material('auditor', 'someone'), serverIdentity),
    channelOptions(serverIdentity),
  );
  try {
    return await new Promise((resolve) => {
      const stream = client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
      );
      stream.on('data', resolve);
      stream.on('error', (error: unknown) => {
        resolve(RpcError.from(error));
      });
      stream.write(question);
      stream.end();
    });
  } finally {
    client.close();
  }
}

const nobody = { append: () => undefined };

test.serial('a laboratory lists what each listener serves, and describes it', async (t) => {
  const fake = await startFake(t, { lab: nobody });
  for (const method of versions) {
    for (const [listener, services] of [
      ['peers', ['taa.v1.ConsensusService']],
      ['clients', ['taa.v1.LogService', 'taa.v1.TimeService']],
      ['administration', ['taa.v1.AdminService', 'taa.v1.LabService', 'taa.v1.LogService']],
    ] as const) {
      const listed = await ask(fake, listener, method, { listServices: '*' });
      if (listed instanceof RpcError) return t.fail(listed.message);
      const names = listed.listServicesResponse?.service.map(({ name }) => name).sort();
      t.deepEqual(names, ['grpc.health.v1.Health', ...services], `${listener} ${method.path}`);
      for (const symbol of services) {
        const described = await ask(fake, listener, method, { fileContainingSymbol: symbol });
        if (described instanceof RpcError) return t.fail(described.message);
        const files = described.fileDescriptorResponse?.fileDescriptorProto ?? [];
        const name = symbol.slice('taa.v1.'.length);
        t.true(
          files.some((file) => Buffer.from(file).includes(name)),
          `${symbol} on ${listener}`,
        );
      }
    }
  }
  t.deepEqual(fake.node.denials, []);
});

test.serial('a cluster that is no laboratory has no reflection', async (t) => {
  const fake = await startFake(t);
  for (const method of versions) {
    const answer = await ask(fake, 'administration', method, { listServices: '*' });
    t.is(answer instanceof RpcError ? answer.reason : 'OK', 'METHOD_UNKNOWN');
  }
});
