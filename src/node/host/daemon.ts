/**
 * A node on the real world: configuration, keys, disk, clock, network, listeners around one NodeCore. What goes wrong
 * while starting is an error with a code and a remedy; what goes wrong with the disk later ends the process.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { statementCodec } from '../../authority/statements.js';
import type { ClockService } from '../../clock/index.js';
import { startClock } from '../../clock/index.js';
import { nodeSigner } from '../../pki/signer.js';
import type { TlsMaterial } from '../../pki/tls.js';
import { DEFAULT_LIMITS, LAN_TIMING, WAN_TIMING } from '../../raft/timing.js';
import { durNs, NS_PER_S } from '../../time/types.js';
import { Metrics } from '../../rpc/metrics.js';
import type { PeerTransport } from '../../rpc/peers.js';
import { createPeerNetwork } from '../../rpc/peers.js';
import { startServers } from '../../rpc/server.js';
import type { RunningServers } from '../../rpc/server.js';
import type { DataDirectory } from '../../store/index.js';
import { chooseEngine, openDataDirectory, recordedEngine } from '../../store/index.js';
import type { LeapTable } from '../../time/leap-table.js';
import { nodeVerifier } from '../../verify/crypto.js';
import { GenesisError, verifyGenesis } from '../../verify/genesis.js';
import type { VerifiedGenesis } from '../../verify/genesis.js';
import { NodeCore, type NodeCoreOptions } from '../core/node.js';
import type { Environment, Notifier, SuspectLog } from '../environment.js';
import { connectClockPeers } from './clock-peers.js';
import type { ClockPeers } from './clock-peers.js';
import { ClockEventCounts } from './clock-counts.js';
import { ClockRecords } from './clock-records.js';
import type { NodeConfig, StoreUpkeep } from './config.js';
import { ConfigError } from './config.js';
import { openCredentials } from './credentials.js';
import { operatorMessage } from './failure.js';
import { NodeFace } from './face.js';
import { LeapList, readLeapList } from './leap-list.js';
import { Durations, metricsSnapshot } from './metrics.js';
import { SpoolFile } from './spool-file.js';
import { hostMono, hostTimers } from './timers.js';

/** Calls that are still open at a clean stop get this long. */
const STOP_GRACE_MS = 1000;

export interface DaemonOptions {
  readonly config: NodeConfig;
  readonly version: string;
  /** One line of JSON a notice. */
  readonly notifier: Notifier;
  /** The disk failed or an invariant broke: the process must end. */
  readonly fatal: (error: Error) => void;
  /** The node was removed from the cluster: a clean stop, and nothing to start again. */
  readonly removed: (detail: string) => void;
}

export interface Daemon {
  readonly core: NodeCore;
  /** Hands leadership over, ends sessions, closes everything. */
  stop(): Promise<void>;
}

export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config } = options;
  const { genesisBytes, genesis } = readGenesis(config);
  requireFits(config, genesis);
  const { keys, tls } = openCredentials(config, genesis.genesis);
  const leapList = readLeapList(config.clock.leapSeconds);
  const store = await openStore(config, genesis, genesisBytes, options.notifier);
  const clock = await startNodeClock(config, store, leapList);
  const network = createPeerNetwork({
    node: config.node,
    clusterId: genesis.genesis.clusterId,
    genesisHash: genesis.hash,
    incarnation: store.identity.incarnation,
    peers: config.peers.map(({ node, address }) => ({ node, ...address })),
    tls,
  });
  const clockPeers = connectClockPeers(network, clock, {
    cluster: genesis.genesis.clusterId,
    node: config.node,
    peers: config.peers.map(({ node }) => node),
  });
  const spool = new SpoolFile(join(store.directory.spool, 'records'));
  const environment: Environment = {
    mono: hostMono,
    random: (length) => new Uint8Array(randomBytes(length)),
    timers: hostTimers,
    transport: clockPeers.network,
    storage: {
      log: store.log,
      ledger: store.ledger,
      witness: store.witness,
      spool,
      suspect: store.suspect === null ? null : suspectLog(store.suspect),
    },
    signer: nodeSigner(keys.signer('issuing'), keys.signer('log')),
    verifier: nodeVerifier,
    clockReading: () => clock.reading(),
    requestPeerRounds: (rounds) => clock.requestPeerRounds(rounds),
    releaseClock: (what, number) => clock.release(what, number),
    notifier: options.notifier,
  };
  const durations = new Durations();
  const core = new NodeCore({
    environment,
    genesis: genesis.genesis,
    node: config.node,
    incarnation: store.identity.incarnation,
    timing: config.timing === 'lan' ? LAN_TIMING : WAN_TIMING,
    seed: randomBytes(4).readUInt32BE(),
    version: options.version,
    statements: statementCodec,
    observer: durations,
    ...upkeepOptions(config.upkeep),
    hooks: { fatal: options.fatal, removed: options.removed },
  });
  await new Promise<void>((resolve) => core.start(resolve));
  return serve(options, core, {
    genesis,
    genesisBytes,
    tls,
    store,
    spool,
    clock,
    clockPeers,
    leapList,
    network,
    durations,
  });
}

interface World {
  readonly genesis: VerifiedGenesis;
  readonly genesisBytes: Uint8Array;
  readonly tls: TlsMaterial;
  readonly store: DataDirectory;
  readonly spool: SpoolFile;
  readonly clock: ClockService;
  readonly clockPeers: ClockPeers;
  readonly leapList: LeapTable;
  readonly network: PeerTransport;
  readonly durations: Durations;
}

async function serve(options: DaemonOptions, core: NodeCore, world: World): Promise<Daemon> {
  const { config } = options;
  const records = new ClockRecords(core, world.clock, config.clock, options.notifier);
  const counts = new ClockEventCounts(world.clock);
  const leap = new LeapList(config.clock.leapSeconds, world.leapList, core, world.clock, options.notifier);
  const face = new NodeFace(core, world.clock, {
    genesisFile: world.genesisBytes,
    version: options.version,
    storageEngine: world.store.identity.engine,
    sourceName: core.authority.policy().sourceName,
    leapList: () => leap.list,
  });
  const metrics = new Metrics({
    snapshot: () =>
      metricsSnapshot(
        core,
        world.clock,
        face.clockStatus,
        face.leap(),
        counts.counts,
        records.host,
        world.network,
        world.store.identity.engine,
      ),
  });
  world.durations.metrics = metrics;
  let servers: RunningServers;
  try {
    servers = await startServers({
      clusterId: world.genesis.genesis.clusterId,
      listen: config.listen,
      tls: world.tls,
      doors: face.doors,
      peers: world.network,
      metrics,
      unready: () => core.unready(),
    });
  } catch (error) {
    leap.close();
    await closeAll(core, world, records);
    throw error;
  }
  world.network.start();
  return {
    core,
    stop: async () => {
      await new Promise<void>((resolve) => core.stop(resolve));
      await servers.close(STOP_GRACE_MS);
      face.close();
      leap.close();
      await closeWorld(world, records);
    },
  };
}

async function closeAll(core: NodeCore, world: World, records: ClockRecords): Promise<void> {
  await new Promise<void>((resolve) => core.stop(resolve));
  await closeWorld(world, records);
}

async function closeWorld(world: World, records: ClockRecords): Promise<void> {
  records.close();
  world.clockPeers.close();
  world.network.close();
  await world.clock.stop();
  await world.spool.close();
  await world.store.close();
}

/** @throws ConfigError when it is missing, damaged or not signed by those it names */
export function readGenesis(config: NodeConfig): {
  readonly genesisBytes: Uint8Array;
  readonly genesis: VerifiedGenesis;
} {
  try {
    const genesisBytes = new Uint8Array(readFileSync(config.genesis));
    return { genesisBytes, genesis: verifyGenesis(genesisBytes, nodeVerifier) };
  } catch (cause) {
    if (cause instanceof GenesisError) throw unusableGenesis(config, operatorMessage(cause), cause);
    throw unusableGenesis(config, `cannot be read: ${(cause as Error).message}`, cause);
  }
}

const unusableGenesis = (config: NodeConfig, problem: string, cause: unknown): ConfigError =>
  new ConfigError(
    `the genesis ${config.genesis}: ${problem}; put the cluster's signed genesis there, as any other node has it (key "genesis")`,
    { cause },
  );

/** @throws ConfigError when configuration and genesis do not fit each other */
export function requireFits(config: NodeConfig, { genesis }: VerifiedGenesis): void {
  const names = genesis.members.map(({ id }) => id);
  if (config.lab && !genesis.lab) {
    throw new ConfigError(
      'lab: true does not fit: the genesis says that this cluster is no laboratory; remove "lab"',
    );
  }
  if (names.includes(config.node)) {
    if (config.join) {
      throw new ConfigError(
        `node ${config.node} is named in the genesis and was born with the cluster; remove "join"`,
      );
    }
    // Members come and go after the birth; only then does the genesis say who they are.
    if (!existsSync(join(config.dataDirectory, 'VERSION'))) requireFirstPeers(config, names);
    return;
  }
  if (!config.join) {
    throw new ConfigError(
      `node ${config.node} is not a member; the genesis names ${names.join(', ')} (key "node"). For a member that an administrator orders in later (taactl node add), set "join: true"`,
    );
  }
  if (config.peers.length === 0) {
    throw new ConfigError('there is nobody to join; name members with their addresses in "peers"');
  }
}

function requireFirstPeers(config: NodeConfig, names: readonly string[]): void {
  for (const name of names) {
    if (name !== config.node && !config.peers.some((peer) => peer.node === name)) {
      throw new ConfigError(`member ${name} has no address; add it to "peers"`);
    }
  }
  for (const { node } of config.peers) {
    if (!names.includes(node)) throw new ConfigError(`peer ${node} is not a member; remove it from "peers"`);
  }
}

async function openStore(
  config: NodeConfig,
  genesis: VerifiedGenesis,
  genesisBytes: Uint8Array,
  notifier: Notifier,
): Promise<DataDirectory> {
  const { engine, notice } = await chooseEngine({
    configured: config.storeEngine ?? undefined,
    lab: genesis.genesis.lab,
    recorded: await recordedEngine(config.dataDirectory),
  });
  if (notice !== null) notifier.notify({ severity: 'info', code: 'STORE_ENGINE', message: notice });
  return openDataDirectory({
    path: config.dataDirectory,
    clusterId: genesis.genesis.clusterId,
    nodeId: config.node,
    engine,
    genesisBytes,
  });
}

const upkeepOptions = (upkeep: StoreUpkeep): Pick<NodeCoreOptions, 'limits' | 'ledgerSync' | 'pullRate'> => ({
  limits: {
    ...DEFAULT_LIMITS,
    trailingEntries: upkeep.keepEntries,
    trimBytes: upkeep.trimMiB * 1024 * 1024,
    trimIntervalNs: upkeep.trimSeconds * 1e9,
  },
  ledgerSync: durNs(BigInt(upkeep.syncSeconds) * NS_PER_S),
  pullRate: upkeep.pullMiBPerSecond * 1024 * 1024,
});

/** What the store found, for the node's core: callbacks, and one sentence that says it all. */
function suspectLog({ error, repair }: NonNullable<DataDirectory['suspect']>): SuspectLog {
  if (repair === null) return { message: error.message, repair: null };
  const { until } = repair;
  return {
    message:
      `${error.code}: ${error.what}. Term, vote and the last acknowledged entry are proven, so the damaged part is ` +
      `fetched again from the other nodes, up to entry ${until}; until then keep a majority of them running. ` +
      'Check the disk (kernel log, SMART): it may damage more',
    repair: {
      until,
      finish: (done) => {
        repair.finish().then(
          () => done(null),
          (failure: unknown) => done(failure instanceof Error ? failure : new Error(String(failure))),
        );
      },
    },
  };
}

function startNodeClock(config: NodeConfig, store: DataDirectory, list: LeapTable): Promise<ClockService> {
  mkdirSync(store.directory.clock, { recursive: true, mode: 0o700 });
  return startClock({
    sources: config.clock.sources,
    profile: config.clock.profile,
    rho: { floorPpb: BigInt(config.clock.rhoFloorPpb) },
    leap: { list, entries: [] },
    memoryPath: join(store.directory.clock, 'memory'),
    peering: {
      listen: config.listen.peerClock,
      peers: config.peers.map(({ node, clock }) => ({ name: node, ...clock })),
    },
  });
}
