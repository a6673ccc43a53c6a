/** `taad --check-config`: everything that can be said of a configuration without starting, first of all what stops the service. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { criticalSites, membershipOfGenesis } from '../../verify/membership.js';
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
  const members = membershipOfGenesis(genesis.genesis);
  const critical = criticalSites(members);
  const lines = [
    `${file}: node ${config.node} of cluster ${genesis.genesis.clusterId}, ${members.members.length} voters by the genesis`,
    ...(genesis.genesis.lab
      ? ['laboratory: certificates carry a test policy and prove nothing outside']
      : []),
    critical.length === 0
      ? 'the loss of any one site leaves the service running'
      : `the loss of ${critical.map((site) => `site ${site}`).join(', or of ')} stops the service; place voters at three sites`,
    ...(config.join || existsSync(join(config.dataDirectory, 'VERSION'))
      ? ['members that were ordered in or out since the birth: taactl node list']
      : []),
  ];
  lines.push(
    `leap-second table ${list.hash.slice(0, 8)}… (${list.source}), TAI − UTC = ${list.entries.at(-1)?.taiMinusUtc ?? 0} s`,
  );
  return `${lines.join('\n')}\n`;
}
