// The import boundaries between the rooms and the purity of their pure parts, as core eslint rules.
// A room may import itself, the rooms listed here, and (unless it is pure) packages and node: modules.
// test/lint/boundaries.test.ts plants a violation of each kind and expects it to be reported.

const everywhere = ['time', 'verify'];

/** room → rooms that it may import beside `time` and `verify`. Arrows point one way; see docs/architecture.md. */
export const rooms = {
  time: [],
  verify: ['time'],
  raft: [],
  clock: [],
  audit: [],
  pki: [],
  authority: ['audit'],
  store: ['raft', 'audit'],
  wire: [],
  rpc: ['authority', 'wire', 'pki'],
  node: ['rpc', 'authority', 'raft', 'clock', 'audit', 'pki', 'store', 'wire'],
  sdk: ['wire'],
  lab: ['node', 'sdk', 'clock', 'pki', 'authority', 'wire', 'rpc', 'operator'],
  operator: ['wire', 'authority', 'audit', 'pki', 'raft', 'store'],
};

/** Folders in which the same input must always give the same output: the simulator and replay depend on it. */
export const pureFolders = [
  'src/time/**/*.ts',
  'src/verify/**/*.ts',
  'src/raft/**/*.ts',
  'src/clock/core/**/*.ts',
  'src/audit/**/*.ts',
  'src/authority/**/*.ts',
  'src/node/core/**/*.ts',
  'src/sdk/core/**/*.ts',
];

/** The one door from the pure parts to node:crypto: hashing and signature verification, both deterministic. */
const cryptoDoor = 'src/verify/crypto.ts';

function importPatterns(room) {
  const allowed = [...new Set([room, ...(room === 'time' ? [] : everywhere), ...rooms[room]])].join('|');
  return [
    {
      // Relative imports that leave this room for one that is not listed.
      regex: `^(\\.\\./)+(?!(${allowed}|\\.\\.)(/|$))[a-z]+/`,
      message: `src/${room} may import only: ${allowed}`,
    },
  ];
}

const roomRules = Object.keys(rooms).map((room) => ({
  files: [`src/${room}/*.ts`],
  rules: { 'no-restricted-imports': ['error', { patterns: importPatterns(room) }] },
}));

// Inside nested folders a relative path may climb through the room itself; only cross-room paths are checked.
const nestedRoomRules = Object.keys(rooms).map((room) => {
  const forbidden = Object.keys(rooms).filter(
    (other) => other !== room && !everywhere.includes(other) && !rooms[room].includes(other),
  );
  if (room === 'time') forbidden.push('verify');
  return {
    files: [`src/${room}/*/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./){2,}(${forbidden.join('|')})/`,
              message: `src/${room} may not import these rooms: ${forbidden.join(', ')}`,
            },
          ],
        },
      ],
    },
  };
});

const pureGlobals = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'performance',
  'process',
  'globalThis',
  'global',
  'Buffer',
  'fetch',
  'crypto',
  'console',
  'Intl',
];

function purity(room) {
  return {
    'no-restricted-globals': [
      'error',
      ...pureGlobals.map((name) => ({ name, message: 'pure code takes effects as parameters' })),
    ],
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'pure code reads no clock' },
      { object: 'Math', property: 'random', message: 'randomness is a seeded generator in the state' },
    ],
    'no-restricted-syntax': [
      'error',
      { selector: 'NewExpression[callee.name="Date"]', message: 'pure code has no Date; see src/time' },
      { selector: 'CallExpression[callee.name="Date"]', message: 'pure code has no Date; see src/time' },
      { selector: 'ImportExpression', message: 'pure code loads nothing at run time' },
      { selector: 'AwaitExpression', message: 'pure code is synchronous' },
    ],
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...importPatterns(room),
          { regex: '^[^.]', message: 'pure code imports neither packages nor node: modules' },
        ],
      },
    ],
  };
}

const purityRules = pureFolders.map((pattern) => {
  const room = pattern.split('/')[1];
  return { files: [pattern], ignores: [cryptoDoor], rules: purity(room) };
});

export const boundaries = [...nestedRoomRules, ...roomRules, ...purityRules];
