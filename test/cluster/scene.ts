/**
 * The main job, on real processes: three nodes, an honest and a wrong TSA, and everything that goes wrong in a bad week
 * within a minute. At the end the evidence is checked as an auditor would.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabCluster, LAB_SITES } from '../../src/lab/lab-cluster.js';
import type { RegisteredClient } from '../../src/lab/lab-cluster.js';
import { LAB_POLICY } from '../../src/lab/laboratory.js';
import type { NodePorts } from '../../src/lab/cluster-files.js';
import type { TsaClient, VerifiedCertificate } from '../../src/sdk/index.js';
import { connect } from '../../src/sdk/index.js';
import { builtinLeapTable, taiFromPosixNs } from '../../src/time/leap-table.js';
import { NS_PER_MS, taiNs } from '../../src/time/types.js';
import { examine } from './examination.js';
import type { Examination } from './examination.js';
import { LinkProxy } from '../../src/lab/link-proxy.js';
import type { pipelineSteps } from './altered-build.js';
import type { PowerCutDisks } from './power-cut.js';

const AUDIT_EVERY = 400n * NS_PER_MS;
const WRONG_BY = 700n * NS_PER_MS;

export interface SceneOptions {
  /** The build to run; it must know the hooks of `killAtStep`. */
  readonly taad: string;
  /** Kills of single nodes: the leader and each node in turn. */
  readonly kills: number;
  /** Steps of the pipeline at which the node that takes them is killed. */
  readonly steps: readonly (typeof pipelineSteps)[number][];
  /** SIGSTOP of the leader, partition of the node that holds the session. */
  readonly pauses: boolean;
  /** With these, killing all nodes at once is a power cut. */
  readonly disks: PowerCutDisks | null;
  /** Keeps the directory when something failed: for whoever looks for the reason. */
  readonly keep: boolean;
  readonly log: (line: string) => void;
}

export interface SceneResult extends Examination {
  readonly certificates: number;
  readonly kills: number;
  /** Longest times without a new certificate around each kill, ms, ascending. */
  readonly gapsMs: readonly number[];
  readonly wrongPasses: number;
  readonly wrongInterlock: string;
  readonly problems: readonly string[];
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Scene {
  readonly #options: SceneOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), 'taa-scene-'));
  readonly #proxies = new Map<string, LinkProxy>();
  readonly #problems: string[] = [];
  readonly #received: { readonly at: number; readonly certificate: VerifiedCertificate }[] = [];
  readonly #gaps: number[] = [];
  readonly #clients: TsaClient[] = [];
  #cluster!: LabCluster;
  #wrongPasses = 0;
  #kills = 0;

  constructor(options: SceneOptions) {
    this.#options = options;
  }

  get killFile(): string {
    return join(this.#directory, 'kill-at');
  }

  async run(): Promise<SceneResult> {
    try {
      const [honest, wrong] = await this.#start();
      for (const part of this.#parts()) {
        await part();
        // What has failed once proves its point; the rest would only take time.
        if (this.#problems.length > 0) break;
      }
      return await this.#finish(honest, wrong);
    } finally {
      await this.#clear();
    }
  }

  *#parts(): Generator<() => Promise<void>> {
    const { kills, steps, pauses } = this.#options;
    yield () => this.#certificates(2, 20_000, 'at the start');
    for (let i = 0; i < kills; i += 1) yield () => this.#killAndRestart(i);
    for (const step of steps) yield () => this.#killAtStep(step);
    if (pauses) {
      yield () => this.#pauseLeader();
      yield () => this.#partitionSession();
    }
    yield () => this.#loseAllAtOnce();
    yield () => this.#certificates(2, 20_000, 'after all nodes were lost at once');
  }

  async #start(): Promise<readonly [RegisteredClient, RegisteredClient]> {
    const links = new Map<string, number>();
    for (const from of LAB_SITES) {
      for (const to of LAB_SITES) {
        if (from === to) continue;
        const proxy = await LinkProxy.start(() => links.get(to) as number);
        this.#proxies.set(`${from}>${to}`, proxy);
      }
    }
    this.#mountDisks();
    this.#cluster = await LabCluster.start({
      directory: this.#directory,
      policy: LAB_POLICY,
      peerAddress: (from, to, ports) => {
        links.set(to, (ports.get(to) as NodePorts).peers);
        return `127.0.0.1:${(this.#proxies.get(`${from}>${to}`) as LinkProxy).port}`;
      },
      process: { program: this.#options.taad, environment: { TAA_TEST_KILL_FILE: this.killFile } },
    });
    const [honest, wrong] = await Promise.all([
      this.#cluster.register('tsa-honest'),
      this.#cluster.register('tsa-wrong'),
    ]);
    const first = this.#startTsa(honest, 0n);
    first.on('certificate', (certificate) => this.#received.push({ at: performance.now(), certificate }));
    const second = this.#startTsa(wrong, WRONG_BY);
    second.on('verdict', ({ outcome }) => {
      if (outcome.verdict === 'pass') this.#wrongPasses += 1;
    });
    return [honest, wrong];
  }

  #startTsa(client: RegisteredClient, offset: bigint): TsaClient {
    const store = join(this.#directory, 'clients', client.name, 'store');
    mkdirSync(store, { recursive: true, mode: 0o700 });
    const tsa = connect({
      cluster: this.#cluster.files.plan.clusterId,
      trust: this.#cluster.files.genesis,
      endpoints: this.#cluster.clientEndpoints(),
      tls: client.pem,
      store,
      auditEveryNs: AUDIT_EVERY,
      clock: {
        timescale: 'tai',
        now: () =>
          taiNs(
            taiFromPosixNs(
              BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n,
              builtinLeapTable,
            ) + offset,
          ),
      },
    });
    this.#clients.push(tsa);
    return tsa;
  }

  /** Waits for so many more certificates; a problem if they do not come. */
  async #certificates(count: number, timeoutMs: number, when: string): Promise<void> {
    const wanted = this.#received.length + count;
    const deadline = performance.now() + timeoutMs;
    while (this.#received.length < wanted) {
      if (performance.now() > deadline) {
        this.#problems.push(`no certificate for ${timeoutMs} ms ${when}`);
        return;
      }
      await sleep(20);
    }
  }

  async #killAndRestart(round: number): Promise<void> {
    const name =
      round % 2 === 0 ? await this.#leader() : (LAB_SITES[(round >> 1) % LAB_SITES.length] as string);
    const before = this.#received.at(-1)?.at ?? performance.now();
    await this.#cluster.process(name).kill();
    this.#kills += 1;
    await this.#certificates(2, 15_000, `after the kill of ${name}`);
    this.#noteGap(`kill -9 of ${name}`, before);
    await this.#restart(name);
  }

  /** The longest time between two certificates since `before`. */
  #noteGap(what: string, before: number): void {
    const times = [before, ...this.#received.map(({ at }) => at).filter((at) => at > before)];
    const gap = Math.max(0, ...times.slice(1).map((at, i) => at - (times[i] as number)));
    this.#gaps.push(gap);
    this.#options.log(`${what}: ${Math.round(gap)} ms without a certificate`);
  }

  async #restart(name: string): Promise<void> {
    try {
      await this.#cluster.startNode(name);
    } catch (error) {
      this.#problems.push((error as Error).message);
    }
  }

  /** Kills whichever node comes to this step next. */
  async #killAtStep(step: string): Promise<void> {
    const before = this.#received.at(-1)?.at ?? performance.now();
    writeFileSync(this.killFile, step);
    const victim = await Promise.race([
      ...LAB_SITES.map(async (name) => {
        await this.#cluster.process(name).exited;
        return name;
      }),
      sleep(15_000).then(() => null),
    ]);
    if (victim === null) {
      this.#problems.push(`nobody came to the step "${step}"`);
      if (existsSync(this.killFile)) rmSync(this.killFile);
      return;
    }
    this.#kills += 1;
    await this.#certificates(2, 15_000, `after the kill of ${victim} at "${step}"`);
    this.#noteGap(`kill -9 of ${victim} at "${step}"`, before);
    await this.#restart(victim);
  }

  async #pauseLeader(): Promise<void> {
    const name = await this.#leader();
    const before = this.#received.at(-1)?.at ?? performance.now();
    this.#cluster.process(name).signal('SIGSTOP');
    await sleep(5_000);
    this.#cluster.process(name).signal('SIGCONT');
    await this.#certificates(2, 15_000, `after SIGSTOP of ${name}`);
    this.#noteGap(`SIGSTOP of ${name} for 5 s`, before);
  }

  /** Cuts the node that holds the TSA's live session off its peers, not off the TSA. */
  async #partitionSession(): Promise<void> {
    const before = this.#received.at(-1)?.at ?? performance.now();
    const connection = this.#clients[0]?.state().connection;
    const name = connection?.kind === 'connected' ? connection.node : await this.#leader();
    for (const [link, proxy] of this.#proxies)
      if (link.startsWith(`${name}>`) || link.endsWith(`>${name}`)) proxy.cut();
    await this.#certificates(2, 15_000, `while ${name} was cut off`);
    this.#noteGap(`${name}, which held the session, cut off its peers`, before);
    for (const proxy of this.#proxies.values()) proxy.heal();
    await sleep(1_000);
  }

  async #loseAllAtOnce(): Promise<void> {
    const { disks } = this.#options;
    await Promise.all(LAB_SITES.map((name) => this.#cluster.process(name).kill()));
    this.#kills += LAB_SITES.length;
    if (disks !== null) {
      for (const name of LAB_SITES) disks.cut(name);
      for (const name of LAB_SITES) disks.unmount(name);
      this.#mountDisks();
    }
    this.#options.log(disks === null ? 'all nodes killed at once' : 'power cut on all nodes at once');
    await Promise.all(LAB_SITES.map((name) => this.#restart(name)));
  }

  #mountDisks(): void {
    for (const name of LAB_SITES) {
      this.#options.disks?.mount(name, join(this.#directory, 'nodes', name, 'data'));
    }
  }

  async #leader(): Promise<string> {
    for (let i = 0; i < 50; i += 1) {
      try {
        const { value } = await this.#cluster.status();
        if (value.leader !== '') return value.leader;
      } catch {
        // Between two leaders; asked again below.
      }
      await sleep(100);
    }
    throw new Error('no leader for 5 s');
  }

  async #finish(honest: RegisteredClient, wrong: RegisteredClient): Promise<SceneResult> {
    const interlock = this.#clients[1]?.state().interlock;
    await Promise.all(this.#clients.map((client) => client.close()));
    const receipts = this.#received.map(({ certificate }) => certificate.receipt);
    const examination = await this.#examine(receipts, [honest.device, wrong.device]);
    return {
      ...examination,
      certificates: receipts.length,
      kills: this.#kills,
      gapsMs: this.#gaps.map(Math.round).sort((a, b) => a - b),
      wrongPasses: this.#wrongPasses,
      wrongInterlock: interlock === undefined || interlock.open ? 'open' : interlock.code,
      problems: [...this.#problems, ...examination.problems],
    };
  }

  async #examine(receipts: readonly Uint8Array[], devices: readonly string[]): Promise<Examination> {
    try {
      return await examine(this.#cluster, receipts, devices);
    } catch (error) {
      return {
        leaves: 0,
        outcomes: {},
        problems: [`the logs cannot be examined: ${(error as Error).message}`],
      };
    }
  }

  async #clear(): Promise<void> {
    await Promise.allSettled(this.#clients.map((client) => client.close()));
    await (this.#cluster as LabCluster | undefined)?.close();
    for (const proxy of this.#proxies.values()) await proxy.close();
    for (const name of LAB_SITES) this.#options.disks?.discard(name);
    if (this.#options.keep && this.#problems.length > 0)
      this.#options.log(`what is left of it: ${this.#directory}`);
    else rmSync(this.#directory, { recursive: true, force: true });
  }
}

export function playScene(options: SceneOptions): Promise<SceneResult> {
  return new Scene(options).run();
}
