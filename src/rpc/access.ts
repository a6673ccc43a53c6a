/**
 * Who may call what: method × listener × role. What is not listed is not allowed. docs/access.md is made from it.
 *
 * A client reads only what carries no other client's data: checkpoints, proofs between tree sizes, tiles of hashes, and
 * receipts of its own device (checked in log-service.ts).
 */

import type { Role } from '../verify/identity.js';

export type ListenerName = 'peers' | 'clients' | 'administration';

export const listenerNames: readonly ListenerName[] = ['peers', 'clients', 'administration'];

const nodes: readonly Role[] = ['node'];
const clients: readonly Role[] = ['client'];
const people: readonly Role[] = ['admin', 'operator', 'security-officer', 'auditor'];
const everyone: readonly Role[] = [...nodes, ...clients, ...people];

/** On every listener; reflection is served by a laboratory only. */
const common = {
  '/grpc.health.v1.Health/Check': everyone,
  '/grpc.health.v1.Health/Watch': everyone,
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': everyone,
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': everyone,
};

export const access: Readonly<Record<ListenerName, Readonly<Record<string, readonly Role[]>>>> = {
  peers: { ...common, '/taa.v1.ConsensusService/Subscribe': nodes },
  clients: {
    ...common,
    '/taa.v1.TimeService/GetTime': [...clients, ...people],
    '/taa.v1.TimeService/Session': clients,
    '/taa.v1.LogService/GetCheckpoint': clients,
    '/taa.v1.LogService/GetConsistencyProof': clients,
    '/taa.v1.LogService/GetTile': clients,
    '/taa.v1.LogService/GetReceipt': clients,
  },
  administration: {
    ...common,
    '/taa.v1.AdminService/GetStatus': people,
    // The command carries its signer's own signature; whoever delivers it needs no right of their own to what it does.
    '/taa.v1.AdminService/SubmitCommand': people,
    '/taa.v1.AdminService/ListClients': people,
    '/taa.v1.AdminService/GetClock': people,
    '/taa.v1.AdminService/GetGenesis': people,
    // Changes nothing that lasts: who leads is nobody's decision for long.
    '/taa.v1.AdminService/TransferLeadership': ['admin', 'operator'],
    '/taa.v1.LogService/GetCheckpoint': people,
    '/taa.v1.LogService/GetEntries': people,
    '/taa.v1.LogService/GetInclusionProof': people,
    '/taa.v1.LogService/GetConsistencyProof': people,
    '/taa.v1.LogService/GetTile': people,
    '/taa.v1.LogService/GetBody': people,
    '/taa.v1.LogService/GetReceipt': people,
    '/taa.v1.LogService/Tail': people,
    '/taa.v1.LabService/Append': ['admin', 'operator'],
  },
};

export const mayCall = (listener: ListenerName, method: string, role: Role): boolean =>
  access[listener][method]?.includes(role) ?? false;

/** docs/access.md, whole. */
export function renderAccess(): string {
  const sections = listenerNames.map((listener) => {
    const rows = Object.entries(access[listener]).map(
      ([method, roles]) => `| \`${method.slice(1)}\` | ${roles.join(', ')} |`,
    );
    return `## Listener \`${listener}\`\n\n| Method | Roles |\n| --- | --- |\n${rows.join('\n')}\n`;
  });
  return `# Who may call what

This file is made from \`src/rpc/access.ts\` by \`npm run proto\`; a test fails when it is not current.

Every gRPC listener demands a client certificate of the cluster's CA (TLS 1.3). The certificate's identity
\`taa://<cluster>/<role>/<name>\` must be of this cluster, its role must stand beside the method, and, for every role but
\`node\`, replicated state must know the key and not have suspended it. A refusal is an audit record. Reflection is served
by a laboratory only. The metrics listener speaks plain HTTP and serves \`/livez\`, \`/readyz\` and \`/metrics\` to whoever
reaches it: bind it accordingly.

${sections.join('\n')}`;
}
