/**
 * What became known after the fact of TAA − UTC(NICT) and UTC − UTC(NICT): imported files, read here on every node out
 * of the bytes that the signer named. They are recorded beside the original measurements and never change one.
 */

import { parseCggtts, type CggttsFile } from '../time/cggtts.js';
import { parseCircularT } from '../time/circular-t.js';
import { commonView } from '../time/common-view.js';
import { TimeTransferError } from '../time/transfer-text.js';
import { sha256 } from '../verify/crypto.js';
import type { Act } from './acts.js';
import { CommonViewFiles } from './common-view-files.js';
import { latin1 } from './leap.js';
import { accept, refuse, type CommandOutcome } from './refusals.js';
import type { RecordFields, Turn } from './turn.js';

type ActOf<K extends Act['command']> = Extract<Act, { command: K }>;

/** Own reference − UTC(NICT) at a node's site, by common view. */
export function importCommonView(
  turn: Turn,
  act: ActOf<'importCommonView'>,
  body: Uint8Array,
  evidence: RecordFields,
): CommandOutcome {
  if (!turn.genesis.members.some(({ id }) => id === act.of)) return refuse('MEMBER_UNKNOWN');
  const files = CommonViewFiles.decode(body);
  if (files === null) return refuse('IMPORT_INVALID', 'the body is not {own, nict}: two CGGTTS files');
  return reading(() => {
    const own = parseCggtts(latin1(files.own));
    const nict = parseCggtts(latin1(files.nict));
    const view = commonView(own, nict);
    if (view === null) return refuse('IMPORT_INVALID', 'no satellite was seen by both in the same track');
    const leaf = turn.record('commonView', {
      of: act.of,
      ...view,
      own: receiverOf(own, files.own),
      nict: receiverOf(nict, files.nict),
      details: act.details,
      ...evidence,
    });
    return accept(leaf);
  });
}

const receiverOf = (
  { version, laboratory, reference, receiver, skipped }: CggttsFile,
  bytes: Uint8Array,
) => ({
  version,
  laboratory: printable(laboratory),
  reference: printable(reference),
  receiver: printable(receiver),
  ...skipped,
  digest: sha256(bytes),
});

/** Names out of a file, cut down to what is harmless wherever it is shown. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

/** UTC − UTC(NICT) as the BIPM published it. */
export function importCircularT(
  turn: Turn,
  act: ActOf<'importCircularT'>,
  body: Uint8Array,
  evidence: RecordFields,
): CommandOutcome {
  return reading(() => {
    const { number, values, uA, uB, u, taiMinusUtc } = parseCircularT(latin1(body), 'NICT');
    const leaf = turn.record('circularT', {
      number,
      laboratory: 'NICT',
      values: values.map(({ mjd, utcMinusUtcKPs }) => ({ mjd, utcMinusUtcKPs })),
      uncertainty: { uA, uB, u },
      taiMinusUtc: taiMinusUtc.map(({ from, seconds }) => ({ from, seconds })),
      details: act.details,
      digest: sha256(body),
      ...evidence,
    });
    return accept(leaf);
  });
}

function reading(work: () => CommandOutcome): CommandOutcome {
  try {
    return work();
  } catch (error) {
    if (error instanceof TimeTransferError) return refuse('IMPORT_INVALID', error.message.slice(0, 300));
    throw error;
  }
}
