/** `taad --check-config`: everything that can be said of a configuration without starting, first of all what stops the service. */

import type { Genesis } from '../../verify/genesis.js';
import { readConfig } from './config.js';
import { openCredentials } from './credentials.js';
import { readGenesis, requireFits } from './daemon.js';
import { readLeapList } from './leap-list.js';

/** @throws ConfigError and the errors of keys and genesis, each with its remedy */
export function checkConfiguration(file: string): string {
  const config = readConfig(file);
  const { genesis } = readGenesis(config);
  requireFits(config, genesis);
  openCredentials(config, genesis.genesis);
  const list = readLeapList(config.clock.leapSeconds);
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
  lines.push(
    `leap-second table ${list.hash.slice(0, 8)}… (${list.source}), TAI − UTC = ${list.entries.at(-1)?.taiMinusUtc ?? 0} s`,
  );
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
