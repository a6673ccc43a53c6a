/** Orders of a person: signed, submitted, and what came of them as one document. */

import type { Act } from '../../src/authority/acts.js';
import type { Details } from '../../src/operator/acts.js';
import { print, withConnection, type GlobalFlags, type Session } from './settings.js';
import { renderFields } from './table.js';

/** @param says what the operator should see of it beside where it stands */
export async function submitOrder(
  flags: GlobalFlags,
  session: Session,
  act: Act,
  details: Details | null = null,
  says: readonly (readonly [name: string, value: string])[] = [],
): Promise<void> {
  await withConnection(flags, session, async ({ connection, credentials }) => {
    const { submitAct } = await import('../../src/operator/acts.js');
    const committed = await submitAct(connection, credentials.person, act, details);
    const device = committed.device ?? ('device' in act ? act.device : null);
    const document = {
      command: act.command,
      device,
      leaf: String(committed.leaf),
      raftIndex: String(committed.raftIndex),
      node: committed.node,
    };
    print(session, flags, document, () =>
      renderFields([
        ['command', act.command],
        ...(device === null ? [] : [['device', device] as const]),
        ...says,
        ['record', `leaf ${committed.leaf}`],
        ['committed by', committed.node],
      ]),
    );
  });
}
