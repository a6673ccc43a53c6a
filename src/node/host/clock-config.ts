/** The section `clock` of the configuration: where the time comes from, who watches it, and the clock of the host. */

import { readFileSync, statSync } from 'node:fs';
import type {
  ClockSourceOptions,
  NtpKey,
  NtpSourceOptions,
  ProfileName,
  SourceRole,
} from '../../clock/index.js';
import type { HostPort, Section } from './config.js';

export interface HostClockConfig {
  /** Command interface of the host's chronyd. */
  readonly chronyd: HostPort;
  /** Its configuration file. */
  readonly configuration: string;
}

export interface ClockConfig {
  readonly profile: ProfileName;
  readonly sources: readonly ClockSourceOptions[];
  /** Floor of the assumed oscillator rate error, parts per billion. */
  readonly rhoFloorPpb: number;
  /** The node's leap-seconds.list; null for the table that the program was built with. */
  readonly leapSeconds: string | null;
  /** Null in a laboratory that does not ask for it: the clock of its host is nobody's business. */
  readonly hostClock: HostClockConfig | null;
}

const NTS_PORT = 4460;
const DEFAULT_CHRONYD: HostPort = { host: '127.0.0.1', port: 323 };
const DEFAULT_CHRONY_CONF = '/etc/chrony/chrony.conf';
const roles = ['reference', 'monitor'] as const;

export function readClock(clock: Section, lab: boolean): ClockConfig {
  clock.allow(['profile', 'sources', 'rhoFloorPpb', 'leapSeconds', 'hostClock']);
  const profile = clock.oneOf('profile', ['public-nict', 'leased', 'lab']);
  if (profile === 'lab' && !lab) {
    throw clock.error(
      'profile',
      'lab is not possible here',
      'the lab profile polls too often for real servers; it needs lab: true',
    );
  }
  const sources = clock.list('sources').map(readSource);
  if (!sources.some(canSteer)) {
    throw clock.error(
      'sources',
      'has no reference',
      'name at least one source of UTC(NICT) with role: reference',
    );
  }
  return {
    profile,
    sources,
    rhoFloorPpb: clock.integer('rhoFloorPpb', 2_000, 1_000_000, 15_000),
    leapSeconds: clock.has('leapSeconds') ? clock.path('leapSeconds') : null,
    hostClock: readHostClock(clock, lab),
  };
}

const canSteer = (source: ClockSourceOptions): boolean =>
  'chronyd' in source ? source.chronyd.references.length > 0 : source.role === 'reference';

function readHostClock(clock: Section, lab: boolean): HostClockConfig | null {
  if (!clock.has('hostClock'))
    return lab ? null : { chronyd: DEFAULT_CHRONYD, configuration: DEFAULT_CHRONY_CONF };
  const host = clock.section('hostClock').allow(['chronyd', 'configuration']);
  return {
    chronyd: host.has('chronyd') ? host.hostPort('chronyd') : DEFAULT_CHRONYD,
    configuration: host.has('configuration') ? host.path('configuration') : DEFAULT_CHRONY_CONF,
  };
}

function readSource(source: Section): ClockSourceOptions {
  if (source.has('nts')) return readNts(source);
  if (source.has('chronyd')) return readChronyd(source);
  source.allow(['name', 'operator', 'address', 'role', 'refid', 'key']);
  const { host, port } = source.hostPort('address');
  const options: NtpSourceOptions = { ...readName(source), host, port, role: readRole(source) };
  const refid = source.optionalText('refid');
  const key = source.has('key') ? readKey(source.section('key')) : null;
  return { ...options, ...(refid === null ? {} : { refid }), ...(key === null ? {} : { key }) };
}

function readName(source: Section): { name: string; operator?: string } {
  const operator = source.optionalText('operator');
  return { name: source.text('name'), ...(operator === null ? {} : { operator }) };
}

const readRole = (source: Section): SourceRole => source.oneOf('role', roles);

function readNts(source: Section): ClockSourceOptions {
  source.allow(['name', 'operator', 'role', 'nts']);
  const role = readRole(source);
  if (role === 'reference') {
    throw source.error(
      'role',
      'a reference cannot use NTS, because AES-SIV is on no CRYPTREC list',
      'give the reference an AES-CMAC "key", or make this source a monitor',
    );
  }
  const nts = source.section('nts').allow(['server', 'port', 'ca']);
  return {
    ...readName(source),
    role,
    nts: {
      server: nts.text('server'),
      port: nts.integer('port', 1, 65_535, NTS_PORT),
      ...(nts.has('ca') ? { ca: readText(nts, 'ca') } : {}),
    },
  };
}

function readChronyd(source: Section): ClockSourceOptions {
  source.allow(['name', 'chronyd']);
  const chronyd = source.section('chronyd').allow(['address', 'references']);
  const { host, port } = chronyd.has('address') ? chronyd.hostPort('address') : DEFAULT_CHRONYD;
  return {
    name: source.text('name'),
    chronyd: {
      address: host,
      port,
      references: chronyd.has('references') ? chronyd.texts('references') : [],
    },
  };
}

function readText(section: Section, key: string): string {
  const path = section.path(key);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw section.error(
      key,
      `cannot be read: ${(error as Error).message}`,
      'check the path and its permissions',
    );
  }
}

/** A shared key never stands in the configuration itself: `id`, and a file with 32 or 64 hexadecimal digits. */
function readKey(section: Section): NtpKey {
  section.allow(['id', 'file']);
  const id = section.integer('id', 1, 65_535);
  const digits = readText(section, 'file').trim();
  if (!/^([0-9a-fA-F]{32}|[0-9a-fA-F]{64})$/.test(digits)) {
    throw section.error(
      'file',
      'does not hold an AES-CMAC key',
      'write 32 (AES-128) or 64 (AES-256) hexadecimal digits into it and nothing else',
    );
  }
  if ((statSync(section.path('file')).mode & 0o077) !== 0)
    throw section.error('file', 'can be read by others', 'run chmod 600 on it');
  return { id, secret: new Uint8Array(Buffer.from(digits, 'hex')) };
}
