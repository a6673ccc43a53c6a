/** How the addresses of a source are found: all of a name, again after a while, and trouble told when there is none. */
import test from 'ava';
import { AddressBook } from '../../src/clock/source-link.js';
import type { LinkHost } from '../../src/clock/source-link.js';

interface Heard {
  readonly inputs: Parameters<LinkHost['handle']>[0][];
  readonly later: { readonly ms: number; readonly task: () => void }[];
  readonly host: LinkHost;
}

function listening(): Heard {
  const heard: Omit<Heard, 'host'> = { inputs: [], later: [] };
  return {
    ...heard,
    host: {
      handle: (input) => heard.inputs.push(input),
      later: (ms, task) => heard.later.push({ ms, task }),
      establish: () => undefined,
    },
  };
}

async function untilLater(heard: Heard, count: number): Promise<void> {
  while (heard.later.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
}

test('an address is its own name, looked up again after an hour', async (t) => {
  const heard = listening();
  new AddressBook('nict', heard.host).follow('127.0.0.1');
  await untilLater(heard, 1);
  t.deepEqual(heard.inputs, [{ kind: 'addresses', source: 'nict', addresses: ['127.0.0.1'] }]);
  t.is(heard.later[0]?.ms, 3_600_000);
  heard.later[0]?.task();
  await untilLater(heard, 2);
  t.is(heard.inputs.length, 2, 'looked up again');
});

test('a name without an address is trouble, tried again soon, and addresses that were found before stay', async (t) => {
  const heard = listening();
  const book = new AddressBook('nict', heard.host);
  // No label of a name may be this long: the look-up fails on this host, without asking anyone.
  book.follow('a'.repeat(300));
  await untilLater(heard, 1);
  t.is(heard.later[0]?.ms, 5_000);
  t.like(heard.inputs[0], { kind: 'trouble', source: 'nict', code: 'sourceUnresolved' });
  t.is(heard.inputs.filter(({ kind }) => kind === 'addresses').length, 0);
});

test('a name that is no longer followed is not looked up again', async (t) => {
  const heard = listening();
  const book = new AddressBook('nts', heard.host);
  book.follow('127.0.0.1');
  await untilLater(heard, 1);
  book.clear();
  t.deepEqual(heard.inputs.at(-1), { kind: 'addresses', source: 'nts', addresses: [] });
  heard.later[0]?.task();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.is(heard.later.length, 1);
});
