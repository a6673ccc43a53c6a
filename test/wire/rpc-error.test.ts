/** One error on both sides of a call: nothing that matters is lost between them. */

import { Metadata, status } from '@grpc/grpc-js';
import test from 'ava';
import { statusOf } from '../../src/rpc/errors.js';
import { MalformedMessage } from '../../src/wire/malformed.js';
import { reasonInfo, reasonNames, reasons, statusCodes } from '../../src/wire/reasons.js';
import { RpcError } from '../../src/wire/rpc-error.js';

/** What a client of grpc-js catches. */
const received = (error: unknown): RpcError =>
  RpcError.from(Object.assign(new Error('14 x'), statusOf(error)));

test('every reason travels whole: reason, status, retryable, leader, detail, remedy', (t) => {
  for (const reason of reasonNames) {
    const sent = new RpcError(reason, 'what happened', { leader: 'n2' });
    const { code, metadata } = statusOf(sent);
    t.is(code, statusCodes[reasonInfo(reason).status]);
    t.is(metadata.get('grpc-status-details-bin').length, 1);
    const got = received(sent);
    t.like(got, {
      reason,
      status: sent.status,
      retryable: reasonInfo(reason).retryable,
      leader: 'n2',
      detail: 'what happened',
      message: sent.message,
    });
    t.true(got.message.startsWith(`${reason}: what happened. `));
    t.true(got.message.endsWith(reasonInfo(reason).remedy));
  }
});

test('the list is fit to be read: every entry is a sentence with a remedy', (t) => {
  for (const reason of reasonNames) {
    const { meaning, remedy } = reasons[reason];
    t.regex(reason, /^[A-Z][A-Z_]+$/);
    for (const text of [meaning, remedy]) t.regex(text, /^[A-Z].*\.$/, reason);
  }
});

test('status codes are those of gRPC', (t) => {
  for (const [name, code] of Object.entries(statusCodes))
    t.is(status[name as keyof typeof statusCodes], code);
});

for (const [what, caught, reason] of [
  [
    'a lost connection',
    { code: 14, details: 'No connection established', metadata: new Metadata() },
    'UNREACHABLE',
  ],
  [
    'a deadline',
    { code: 4, details: 'Deadline exceeded after 1s', metadata: new Metadata() },
    'DEADLINE_EXCEEDED',
  ],
  ['an unknown method', { code: 12, details: 'The server does not implement x' }, 'METHOD_UNKNOWN'],
  [
    'a limit of grpc-js',
    { code: 8, details: 'Received message larger than max (9 vs. 8)' },
    'MESSAGE_TOO_LARGE',
  ],
  [
    'a stream that was reset',
    { code: 8, details: 'Bandwidth exhausted or memory limit exceeded' },
    'SLOW_CONSUMER',
  ],
  ['a cancelled call', { code: 1, details: 'Cancelled on client' }, 'CANCELLED'],
  ['a malformed message', new MalformedMessage('hello.session', 'too short'), 'MALFORMED_MESSAGE'],
  [
    'an error whose code is a reason',
    Object.assign(new Error('x'), { code: 'CLIENT_STOPPED' }),
    'CLIENT_STOPPED',
  ],
  ['an error with a code of its own', Object.assign(new Error('x'), { code: 'ENOENT' }), 'INTERNAL'],
  ['an abort', new DOMException('aborted', 'AbortError'), 'CANCELLED'],
  ['a text', 'oops', 'INTERNAL'],
  ['nothing', undefined, 'INTERNAL'],
] as const) {
  test(`from ${what} comes ${reason}`, (t) => {
    const error = RpcError.from(caught);
    t.is(error.reason, reason);
    t.is(error.cause, caught);
  });
}

test('an RpcError stays itself', (t) => {
  const error = new RpcError('NO_QUORUM');
  t.is(RpcError.from(error), error);
});

test('details that are garbage, or of another domain, fall back to the status', (t) => {
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from([0x0a, 0x7f]));
  t.is(RpcError.from({ code: 14, details: 'x', metadata }).reason, 'UNREACHABLE');
});

test('what is INTERNAL tells the other side nothing of its cause', (t) => {
  const { details, metadata } = statusOf(new Error('password=hunter2'));
  t.notRegex(details, /hunter2/);
  t.false(Buffer.from(metadata.get('grpc-status-details-bin')[0] ?? '').includes('hunter2'));
});

test('a long detail is cut: trailers must stay small', (t) => {
  const { metadata } = statusOf(new RpcError('COMMAND_REFUSED', 'x'.repeat(100_000)));
  t.true(Buffer.from(metadata.get('grpc-status-details-bin')[0] ?? '').length < 1_000);
});
