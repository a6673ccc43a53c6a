/** A consistent statement of node n1 over the genesis fixture, for tests to bend. */

import { durNs, taiNs } from '../../src/time/types.js';
import { taaOids } from '../../src/verify/oids.js';
import { differenceOf, type TimeAuditStatement } from '../../src/verify/statement.js';
import { clusterId } from './genesis-fixture.js';

const ms = (value: number) => durNs(BigInt(Math.round(value * 1e6)));
/** 2026-11-18T11:07:30Z and a nanosecond, 50 s after the certificates of the genesis fixture begin. */
const measured = 1_795_000_087_000_000_001n;

export const statement: TimeAuditStatement = {
  clusterId,
  policy: { oid: taaOids.testPolicy, version: 3 },
  serial: 1234,
  measurementLeafHash: Uint8Array.from({ length: 32 }, (_, i) => i),
  source: { oid: taaOids.labReference, name: 'laboratory, not UTC(NICT)' },
  auditor: { node: 'n1', site: 'tokyo' },
  audited: { device: 'd-7f3a', subscriber: 's-01c2', distinguishedName: 'CN=TSU01,O=例株式会社,C=JP' },
  sequence: 17,
  measuredAt: {
    earliest: taiNs(measured - 1_000_000n),
    latest: taiNs(measured + 1_000_001n),
    taiMinusUtc: 37,
    utc: '2026-11-18T11:07:30.000000001Z',
  },
  result: differenceOf(ms(-3.2), ms(5.4)),
  legs: {
    tsaMinusTaa: { ...differenceOf(ms(-2.1), ms(4.3)), delay: ms(6.4), samples: 8, timescale: 'tai' },
    taaMinusUtc: differenceOf(ms(-1.1), ms(1.1)),
  },
  limits: { offset: ms(500), delay: ms(100) },
  verdict: 'pass',
  assumptions: { rhoPpb: 15_000 },
  clock: { state: 'synchronised', epoch: 2, leap: 'none', unmonitored: true },
  validity: {
    from: { tai: taiNs(measured), utc: '2026-11-18T11:07:30.000000001Z' },
    to: { tai: taiNs(measured + 86_400_000_000_000n), utc: '2026-11-19T11:07:30.000000001Z' },
  },
  lease: ms(180_000),
  extensions: [],
};

export { ms };
