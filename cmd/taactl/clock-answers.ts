/** What the nodes say of their clocks. */

import type { GetClockRequest } from '../../src/wire/gen/taa/v1/GetClockRequest.js';
import type { GetClockResponse__Output } from '../../src/wire/gen/taa/v1/GetClockResponse.js';
import { exitCodes } from './outcome.js';
import type { Connected, Session } from './settings.js';
import type { NodeAnswer } from './status.js';

export type ClockAnswer = NodeAnswer<GetClockResponse__Output>;

/** Every node's clock. @throws RpcError of the last node when none answers */
export async function clocksOf({ connection }: Connected, session: Session): Promise<readonly ClockAnswer[]> {
  const answers = await connection.callAll<GetClockRequest, GetClockResponse__Output>(
    ({ admin }) => admin.GetClock.bind(admin),
    {},
  );
  const answered = answers.filter((answer) => 'value' in answer);
  const last = answers.at(-1);
  if (answered.length === 0 && last !== undefined && 'error' in last) throw last.error;
  if (answered.length < answers.length) session.exitCode = exitCodes.notFullyChecked;
  return answers;
}
