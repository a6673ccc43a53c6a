/** The story behind the golden files of clock evidence: leap seconds and what became known after the fact. */

import { CommonViewFiles } from '../../src/authority/common-view-files.js';
import type { Act } from '../../src/authority/acts.js';
import { builtinLeapTable, withLeap } from '../../src/time/leap-table.js';
import { taiNs } from '../../src/time/types.js';
import { concat } from '../../src/verify/bytes.js';
import { sha256 } from '../../src/verify/crypto.js';
import { circularT, circularTRows, commonViewPair, leapSecondsList } from '../time/transfer-files.js';
import { text } from '../verify/random.js';
import { Cluster, MS, S, START, type Step } from './cluster.js';

export const JULY_2027 = 1_814_400_000n;
const FAR = 1_900_000_000n;
export const withInsertion = withLeap(builtinLeapTable, JULY_2027, 38, FAR, 'IERS Bulletin C 73');

/** An act that names a detached body, with that body. */
export function orderWith(
  cluster: Cluster,
  signer: string,
  act: (details: Uint8Array) => Act,
  body: Uint8Array,
): Step {
  const bodySalt = cluster.random.bytes(16);
  return cluster.order(signer, act(sha256(concat([bodySalt, body]))), { body, bodySalt });
}

export const approve =
  (source: string) =>
  (details: Uint8Array): Act => ({ command: 'approveLeapTable', details, source });

export function clockEvidenceStory(): Cluster {
  const cluster = new Cluster();
  const list = text(leapSecondsList(builtinLeapTable));
  orderWith(cluster, 'ada', approve('IERS Bulletin C 72'), list);
  cluster.order('olga', {
    command: 'enterLeap',
    midnight: JULY_2027,
    change: 0,
    reference: 'IERS Bulletin C 73',
  });
  cluster.order('olga', {
    command: 'enterLeap',
    midnight: JULY_2027,
    change: 1,
    reference: 'IERS Bulletin C 73, read again',
  });
  cluster.propose('n1', {
    kind: 'leapCheck',
    phase: 'dailyCheck',
    midnight: taiNs((JULY_2027 + 37n) * S),
    change: 1,
    list: 'expired',
    indicator: 'silent',
    operator: 'insert',
    table: builtinLeapTable.hash,
    daysLeft: -2,
    clock: {
      earliest: taiNs(START - MS),
      best: taiNs(START),
      latest: taiNs(START + MS),
      epoch: 1,
      samples: 8,
      rhoPpb: 15_000,
      taiMinusUtc: 37,
      leap: 'announced',
      unmonitored: true,
      peers: 'agree',
    },
  });
  orderWith(cluster, 'ada', approve('IERS Bulletin C 73'), text(leapSecondsList(withInsertion)));
  const { own, nict } = commonViewPair();
  orderWith(
    cluster,
    'olga',
    (details) => ({ command: 'importCommonView', of: 'n1', details }),
    CommonViewFiles.encode({ own: text(own), nict: text(nict) }),
  );
  orderWith(
    cluster,
    'olga',
    (details) => ({ command: 'importCircularT', details }),
    text(circularT('present', 456, 61_037, circularTRows)),
  );
  orderWith(cluster, 'olga', (details) => ({ command: 'importCircularT', details }), text('no circular'));
  return cluster;
}
