/** `taad --check-config`: everything that can be said of a configuration without starting, first of all what stops the service. */

import { readFileSync } from 'node:fs';
import { openKeyDirectory, readPassphrase } from '../../pki/key-store.js';
import { pemContents } from '../../pki/pem.js';
import { nodeVerifier } from '../../verify/crypto.js';
import type { Genesis } from '../../verify/genesis.js';
import { verifyGenesis } from '../../verify/genesis.js';
import { readConfig } from './config.js';
import { requireFits } from './daemon.js';

/** @throws ConfigError and the errors of keys and genesis, each with its remedy */
export function checkConfiguration(file: string): string {
  const config = readConfig(file);
  const genesis = verifyGenesis(new Uint8Array(readFileSync(config.genesis)), nodeVerifier);
  requireFits(config, genesis);
  const passphrase =
    config.keys.passphraseFile === null ? null : readPassphrase({ file: config.keys.passphraseFile });
  const keys = openKeyDirectory({ directory: config.keys.directory, passphrase });
  for (const name of ['tls', 'issuing', 'log']) keys.signer(name);
  pemContents(readFileSync(config.keys.tlsCertificate, 'utf8'), 'CERTIFICATE');
  const critical = criticalSites(genesis.genesis);
  const lines = [
    `${file}: node ${config.node} of cluster ${genesis.genesis.clusterId}, ${genesis.genesis.members.length} voters`,
    ...(genesis.genesis.lab
      ? ['laboratory: certificates carry a test policy and prove nothing outside']
      : []),
    critical.length === 0
      ? 'the loss of any one site leaves the service running'
      : `the loss of ${critical.map((site) => `site ${site}`).join(', or of ')} stops the service; place voters at three sites`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Sites whose loss leaves no majority of voters, or no quorum of cosigners. */
export function criticalSites({ members, trust }: Genesis): string[] {
  const majority = Math.floor(members.length / 2) + 1;
  const sites = [...new Set(members.map(({ site }) => site))];
  return sites.filter((lost) => {
    const left = members.filter(({ site }) => site !== lost);
    const sitesLeft = new Set(left.map(({ site }) => site)).size;
    return left.length < majority || left.length < trust.quorum || sitesLeft < trust.distinctSites;
  });
}
