/**
 * What three nodes made durable and when, as the kernel saw it: `strace` writes down every completed fdatasync with its
 * file, and marks that an altered build leaves right where it takes a promise to the disk, gives a vote away, or takes
 * the lead. All times are of the one clock of this machine.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Alteration } from './altered-build.js';

/** A path that does not exist: asking for it leaves a line in the trace and nothing else. */
const MARK = '/taa-test-mark';

/** Leaves a mark when a write with a term and vote begins, when a vote is granted, and when an election is won. */
export const marks: readonly Alteration[] = [
  {
    file: 'src/raft/driver.js',
    find: 'const { seq, batch } = this.#gather.take();',
    replace: `const { seq, batch } = this.#gather.take();
        if (batch.hardState !== undefined)
            testMark(this.#config.id, 'persist', batch.hardState.term, batch.hardState.vote ?? '-');`,
  },
  {
    file: 'src/raft/driver.js',
    find: 'this.#options.transport.send(to, laneOf(message), this.#encoded.bytes);',
    replace: `if (message.kind === 'voteReply' && message.granted)
            testMark(this.#config.id, 'granted', message.term, to);
        this.#options.transport.send(to, laneOf(message), this.#encoded.bytes);`,
  },
  {
    file: 'src/raft/driver.js',
    find: 'this.#options.onEvent(effect.event);',
    replace: `if (effect.event.kind === 'role' && effect.event.role === 'leader')
                    testMark(this.#config.id, 'elected', effect.event.term, this.#config.id);
                this.#options.onEvent(effect.event);`,
  },
  {
    file: 'src/raft/driver.js',
    find: 'class Driver {',
    replace: `import { existsSync as testExists } from 'node:fs';
function testMark(...words) {
    testExists(['${MARK}', ...words].join('/'));
}
class Driver {`,
  },
];

export interface Sync {
  readonly node: string;
  /** The log's write-ahead file, or the guard. */
  readonly file: 'log' | 'guard';
  /** Seconds since 1970. */
  readonly begun: number;
  readonly completed: number;
}

export interface Mark {
  readonly node: string;
  readonly kind: 'persist' | 'granted' | 'elected';
  readonly term: number;
  /** Whom the vote is for; `-` for a new term without one. */
  readonly candidate: string;
  readonly at: number;
}

export interface Trace {
  readonly syncs: readonly Sync[];
  readonly marks: readonly Mark[];
}

/** Null where processes can be traced, else why not. */
export function tracingUnavailable(): string | null {
  const probe = spawnSync('strace', ['-f', '--seccomp-bpf', '-e', 'trace=fdatasync', 'true'], {
    encoding: 'utf8',
  });
  if (probe.status === 0) return null;
  return `no strace: ${probe.error?.message ?? probe.stderr.split('\n')[0] ?? ''}; apt-get install strace`;
}

export class SyncTracer {
  readonly #directory = mkdtempSync(join(tmpdir(), 'taa-trace-'));

  /**
   * To be put before `node`. The tracer is a grandchild (-D), so that signals reach the node itself; one file a thread
   * (-ff), so that every line is a completed call.
   */
  get wrapper(): readonly string[] {
    return [
      'strace',
      '-D',
      '-ff',
      '--seccomp-bpf',
      '-ttt',
      '-T',
      '-y',
      '-e',
      'trace=fdatasync,fsync,?access,?faccessat,?faccessat2',
      '-o',
      join(this.#directory, 'thread'),
    ];
  }

  /** What has been written down; complete once the nodes have ended. */
  read(): Trace {
    const lines = readdirSync(this.#directory).flatMap((file) =>
      readFileSync(join(this.#directory, file), 'utf8').split('\n'),
    );
    return {
      syncs: lines.flatMap(syncOf),
      marks: lines.flatMap(markOf).sort((a, b) => a.at - b.at),
    };
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** `1795522422.118836 fdatasync(18</…/nodes/tokyo/data/raft/000003.log>) = 0 <0.011587>` */
const SYNC =
  /^(\d+\.\d+) f(?:data)?sync\(\d+<[^>]*\/nodes\/([^/]+)\/data\/(raft\/\d+\.log|guard)>\) += 0 <(\d+\.\d+)>$/;
const MARKED = new RegExp(
  `^(\\d+\\.\\d+) f?access\\w*\\([^"]*"${MARK}/([^/]+)/(persist|granted|elected)/(\\d+)/([^"]+)"`,
);

function syncOf(line: string): Sync[] {
  const [, begun, node, file, took] = SYNC.exec(line) ?? [];
  if (begun === undefined || node === undefined || file === undefined || took === undefined) return [];
  return [
    {
      node,
      file: file === 'guard' ? 'guard' : 'log',
      begun: Number(begun),
      completed: Number(begun) + Number(took),
    },
  ];
}

function markOf(line: string): Mark[] {
  const [, at, node, kind, term, candidate] = MARKED.exec(line) ?? [];
  if (at === undefined || node === undefined || term === undefined || candidate === undefined) return [];
  return [{ node, kind: kind as Mark['kind'], term: Number(term), candidate, at: Number(at) }];
}
