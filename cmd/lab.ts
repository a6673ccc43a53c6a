/** `npm start [-- --once] [-- --dir DIR]`: the laboratory. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { LabCluster } from '../src/lab/lab-cluster.js';
import { LAB_POLICY, Laboratory } from '../src/lab/laboratory.js';
import { operatorMessage } from '../src/node/host/failure.js';

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

function welcome(cluster: LabCluster): void {
  const { directory, clusterId } = cluster.files.plan;
  print('');
  print(`laboratory ${clusterId}: its reference is its own clock, NOT UTC(NICT); its certificates say so`);
  for (const [name, ports] of cluster.ports) {
    print(
      `  ${name.padEnd(8)} administration 127.0.0.1:${ports.administration}  clients 127.0.0.1:${ports.clients}  metrics http://127.0.0.1:${ports.metrics}/metrics`,
    );
  }
  const { administrator } = cluster.files;
  print(`  files     ${directory}`);
  print('');
  print('to look around in another terminal:');
  print(
    `  export TAACTL_ENDPOINTS=${[...cluster.ports].map(([name, ports]) => `${name}=127.0.0.1:${ports.administration}`).join(',')} ` +
      `TAACTL_CA=${administrator.files.authority} TAACTL_CERT=${administrator.files.certificate} TAACTL_KEY=${administrator.files.key}`,
  );
  print('  node dist/cmd/taactl.js status        # or: client list, clock status, audit tail');
  print('');
}

async function main(): Promise<number> {
  const args = await yargs(hideBin(process.argv))
    .scriptName('npm start --')
    .locale('en')
    .option('once', { type: 'boolean', default: false, describe: 'end after the first verified certificate' })
    .option('dir', { type: 'string', describe: 'keep the state in this directory' })
    .strict()
    .parseAsync();
  const directory = args.dir === undefined ? mkdtempSync(join(tmpdir(), 'taa-lab-')) : resolve(args.dir);
  print(args.once ? 'starting the laboratory …' : 'starting the laboratory (Ctrl-C stops it) …');
  const interrupted = new Promise<'interrupted'>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done('interrupted'));
  });
  const cluster = await LabCluster.start({ directory, policy: LAB_POLICY });
  const laboratory = new Laboratory(cluster, print);
  try {
    welcome(cluster);
    await laboratory.begin();
    if (!args.once) {
      await interrupted;
      print('stopping …');
      return 0;
    }
    const ended = await Promise.race([laboratory.firstCertificate(), interrupted]);
    if (ended === 'interrupted') return 1;
    const report = await laboratory.report();
    await laboratory.close();
    print(JSON.stringify(report));
    return report.verified ? 0 : 1;
  } finally {
    await laboratory.close();
    if (args.dir === undefined) rmSync(directory, { recursive: true, force: true });
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`laboratory: ${operatorMessage(error)}\n`);
    process.exit(1);
  },
);
