/** Parsers of what time laboratories publish: CGGTTS files and BIPM Circular T. */

import { CommonViewFiles } from '../../src/authority/common-view-files.js';
import { parseCggtts } from '../../src/time/cggtts.js';
import { parseCircularT } from '../../src/time/circular-t.js';
import { commonView } from '../../src/time/common-view.js';
import { TimeTransferError } from '../../src/time/transfer-text.js';
import type { Random } from '../clock/random.js';
import { cggtts, circularT, nictRow } from '../time/transfer-files.js';
import type { Track } from '../time/transfer-files.js';
import type { FuzzTarget } from './target.js';
import { must } from './target.js';

const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'latin1'));
const textOf = (input: Uint8Array): string => Buffer.from(input).toString('latin1');

const tracks: readonly Track[] = [
  { satellite: 7, mjd: 61_000, start: '001800', refSys: -123 },
  { satellite: 12, mjd: 61_000, start: '001800', refSys: 45 },
  { satellite: 12, mjd: 61_000, start: '003400', refSys: 44, length: 600 },
];

const sumOf = (line: string): string =>
  (Array.from(line, (char) => char.charCodeAt(0)).reduce((sum, code) => sum + code, 0) & 0xff)
    .toString(16)
    .toUpperCase()
    .padStart(2, '0');

/** Checksums that fit what the mutations left, so that they do not stop everything at the first line. */
function repaired(input: Uint8Array): Uint8Array {
  const lines = textOf(input).split('\n');
  const at = lines.findIndex((line) => line.startsWith('CKSUM = '));
  if (at >= 0) lines[at] = `CKSUM = ${sumOf(`${lines.slice(0, at).join('')}CKSUM = `)}`;
  return bytes(
    lines
      .map((line, i) => (i > at + 3 && line.length > 2 ? line.slice(0, -2) + sumOf(line.slice(0, -2)) : line))
      .join('\n'),
  );
}

const LARGEST = 99_999_999_999n;

const own = parseCggtts(cggtts('2E', 'TAA1', tracks));

const cggttsFiles: FuzzTarget = {
  name: 'cggtts',
  corpus: [bytes(cggtts('2E', 'NICT', tracks)), bytes(cggtts('02', 'NICT', tracks))],
  repair: (input: Uint8Array, _random: Random) => repaired(input),
  run: (input) => {
    try {
      const file = parseCggtts(textOf(input));
      must(file.tracks.length > 0, 'a track');
      for (const { satellite, mjd, start, refSys } of file.tracks) {
        must(/^[A-Z]\d{2,3}$/.test(satellite), 'a satellite');
        must(mjd >= 0 && mjd <= 99_999 && start >= 0 && start < 86_400, 'an instant');
        must(refSys >= -LARGEST && refSys <= LARGEST, 'a phase of eleven digits');
      }
      const view = commonView(own, file);
      if (view === null) return 'tracks';
      must(
        view.count <= file.tracks.length && view.spreadPs >= 0n && view.from <= view.to,
        'a common view of them',
      );
      return 'common view';
    } catch (error) {
      must(error instanceof TimeTransferError, String(error));
      return 'refused';
    }
  },
};

const circulars: FuzzTarget = {
  name: 'circular-t',
  corpus: [
    bytes(circularT('present', 456, 61_037, [nictRow])),
    bytes(circularT('before437', 289, 55_923, [nictRow])),
    bytes(
      circularT('twoPages', 150, 51_000, [{ ...nictRow, values: ['2', '-1', '-', '1', '0', '-12', '3'] }]),
    ),
  ],
  run: (input) => {
    try {
      const { values, uA, uB, u, taiMinusUtc } = parseCircularT(textOf(input), 'NICT');
      must(values.length > 0, 'a value');
      must(
        values.every(({ mjd }, i) => i === 0 || mjd > (values[i - 1]?.mjd ?? mjd)),
        'dates that ascend',
      );
      must(
        taiMinusUtc.every(({ from, seconds }) => /^\d{4}-\d\d-\d\d$/.test(from) && Math.abs(seconds) < 1000),
        'dates',
      );
      return uA === null && uB === null && u === null ? 'values' : 'values with uncertainty';
    } catch (error) {
      must(error instanceof TimeTransferError, String(error));
      return 'refused';
    }
  },
};

const files: FuzzTarget = {
  name: 'common-view-files',
  corpus: [CommonViewFiles.encode({ own: bytes('own file'), nict: bytes('the file of NICT') })],
  run: (input) => {
    const found = CommonViewFiles.decode(input);
    if (found === null) return 'refused';
    must(Buffer.from(CommonViewFiles.encode(found)).equals(input), 'the same bytes again');
    return 'files';
  },
};

export const transferTargets: readonly FuzzTarget[] = [cggttsFiles, circulars, files];
