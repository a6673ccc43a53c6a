import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Metrics, describeMetrics } from '../../src/rpc/metrics.js';
import { findPackageRoot } from '../../src/wire/package-root.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { answerOf, snapshot, startFake } from './fake-node.js';

async function get(
  port: number | null,
  path: string,
  method = 'GET',
): Promise<{ status: number; text: string; type: string }> {
  const response = await fetch(`http://127.0.0.1:${port ?? 0}${path}`, { method });
  return {
    status: response.status,
    text: await response.text(),
    type: response.headers.get('content-type') ?? '',
  };
}

test.serial('/livez answers while the process does; /readyz says why the node is not ready', async (t) => {
  let reasons: readonly string[] = [];
  const { servers } = await startFake(t, { unready: () => reasons });
  const { metrics: port } = servers.ports;
  t.like(await get(port, '/livez'), { status: 200, text: 'ok\n' });
  t.like(await get(port, '/readyz?verbose'), { status: 200, text: 'ok\n' });
  reasons = ['NO_QUORUM', 'CLOCK_DISRUPTED'];
  t.like(await get(port, '/readyz'), { status: 503, text: 'NO_QUORUM\nCLOCK_DISRUPTED\n' });
  t.like(await get(port, '/livez'), { status: 200 });
  t.like(await get(port, '/'), { status: 404 });
  t.like(await get(port, '/metrics', 'POST'), { status: 405 });
});

test.serial('/metrics tells state, durations and refusals in the exposition format', async (t) => {
  const { servers, client, metrics } = await startFake(t);
  const admin = client('taa.v1.AdminService', 'administration', ['admin', 'alice']);
  t.false((await answerOf((done) => admin.GetStatus({}, done))) instanceof RpcError);
  const intruder = client('taa.v1.AdminService', 'administration', ['client', 'tsa-1']);
  t.true((await answerOf((done) => intruder.GetStatus({}, done))) instanceof RpcError);
  metrics.observe.sync(0.0004);
  const { status, text, type } = await get(servers.ports.metrics, '/metrics');
  t.is(status, 200);
  t.regex(type, /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'taa_node_info{version="0.1.0",node="n1",site="tokyo",engine="memory"} 1',
    'taa_raft_role{role="leader"} 1',
    'taa_raft_role{role="follower"} 0',
    'taa_raft_commit_index 11',
    'taa_raft_peer_match_index{peer="n2"} 9',
    'taa_clock_state{state="synchronised"} 1',
    'taa_clock_uncertainty_seconds 0.00025',
    'taa_clock_samples_failed_total{source="nict",role="reference",test="innovation"} 1',
    'taa_clock_source_reach{source="nict",role="reference"} 7',
    'taa_clock_reference_age_seconds 1',
    'taa_clock_rate_ratio -0.0000125',
    'taa_clock_anomalies_total{code="suspectSample"} 2',
    'taa_clock_transitions_total{reason="emptyIntersection"} 1',
    'taa_clock_kiss_codes_total{code="RATE"} 3',
    'taa_clock_peers{verdict="agree"} 1',
    'taa_clock_tai_offset_seconds 37',
    'taa_clock_leap_state{state="announced"} 1',
    'taa_clock_leap_table_left_days 59',
    'taa_clock_leap_table_approved 1',
    'taa_clock_source_offset_seconds{source="nict",role="reference"} -0.000012',
    'taa_clock_samples_accepted_total{source="never",role="monitor"} 0',
    'taa_audit_outcomes_total{outcome="certified"} 5',
    'taa_storage_sync_duration_seconds_bucket{le="0.0005"} 1',
    'taa_rpc_denials_total{listener="administration",reason="ROLE_NOT_ALLOWED"} 1',
    'taa_rpc_call_duration_seconds_count{listener="administration",method="/taa.v1.AdminService/GetStatus",status="OK"} 1',
    'taa_rpc_call_duration_seconds_count{listener="administration",method="/taa.v1.AdminService/GetStatus",status="PERMISSION_DENIED"} 1',
  ]) {
    t.true(
      text.split('\n').includes(line),
      `${line}\n${text
        .split('\n')
        .filter((l) => l.startsWith(line.slice(0, 18)))
        .join('\n')}`,
    );
  }
  t.regex(text, /^process_cpu_seconds_total /m);
  // A source that never gave a sample has no offset, rather than one of zero.
  t.notRegex(text, /taa_clock_source_offset_seconds\{source="never"/);
});

test('every metric is described, named by area with its unit, and scraping twice does not add up', async (t) => {
  const metrics = new Metrics({ snapshot: () => snapshot });
  const once = await metrics.render();
  const twice = await metrics.render();
  const ours = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('taa_'));
  t.deepEqual(ours(once), ours(twice));
  const helps = [...twice.matchAll(/^# HELP (taa_\S+) (.+)$/gm)];
  const types = new Map(
    [...twice.matchAll(/^# TYPE (taa_\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]),
  );
  t.true(helps.length >= 35);
  for (const [, name = '', help = ''] of helps) {
    t.regex(name, /^taa_(node|raft|clock|audit|rpc|storage)_[a-z_]+$/);
    t.true(help.length >= 15, `${name}: ${help}`);
    t.is(types.get(name) === 'counter', name.endsWith('_total'), name);
  }
});

test('docs/metrics.md lists every metric with unit and meaning (npm run proto writes it)', (t) => {
  t.is(readFileSync(join(findPackageRoot(), 'docs', 'metrics.md'), 'utf8'), describeMetrics());
  for (const { name, help } of new Metrics({ snapshot: () => snapshot }).list()) {
    t.regex(help, /^[A-Z0-9][^|\n]*\.$/, name);
  }
});
