/** The detached body of a common-view import: the CGGTTS files of both receivers, as they were published. */

import { encode } from '../verify/cbor.js';
import { decodeMap, parse } from '../verify/cbor-reader.js';

const MAX_FILE = 500_000;

export interface CommonViewFiles {
  /** The site's own receiver. */
  readonly own: Uint8Array;
  /** NICT's receiver. */
  readonly nict: Uint8Array;
}

export const CommonViewFiles = {
  encode: ({ own, nict }: CommonViewFiles): Uint8Array => encode({ own, nict }),

  /** Null for anything else. */
  decode(body: Uint8Array): CommonViewFiles | null {
    const read = parse(() =>
      decodeMap(
        body,
        'files',
        (reader) => ({
          own: reader.bytes('own', { max: MAX_FILE }),
          nict: reader.bytes('nict', { max: MAX_FILE }),
        }),
        { maxBytes: 2 * MAX_FILE + 64, maxDepth: 2 },
      ),
    );
    return read.ok ? read.value : null;
  },
} as const;
