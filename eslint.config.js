import svelte from 'eslint-plugin-svelte'
import tseslint from 'typescript-eslint'

/** The walls of the house (design 1): who may import whom, and no host names in the pure rooms. */
const rooms = ['engine', 'shell', 'lab', 'host', 'desktop', 'web', 'cli', 'bridge']
const allowed = {
  engine: [],
  shell: ['engine'],
  lab: ['engine', 'shell'],
  host: ['engine', 'shell', 'lab', 'bridge'],
  desktop: ['host', 'bridge'],
  web: ['host', 'bridge'],
  cli: ['host', 'web', 'bridge', 'engine', 'shell', 'lab'],
  bridge: [],
}

const wall = (room) => ({
  files: [`electron/${room}/**/*.ts`],
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': ['error', {
      patterns: rooms
        .filter((other) => other !== room && !allowed[room].includes(other))
        .map((other) => ({
          group: [`**/${other}/**`],
          // inside the engine there are folders of the same name as nothing above it
          message: `${room} may not import ${other}: imports go from the ground up (design section 1).`,
          allowTypeImports: room === 'bridge' && (other === 'engine' || other === 'lab'),
        })),
    }],
  },
})

const pure = {
  files: ['electron/engine/**/*.ts', 'electron/shell/**/*.ts', 'electron/lab/**/*.ts'],
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-globals': ['error', ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'crypto', 'process', 'Buffer', 'performance', 'fetch'].map((name) => ({ name, message: 'The engine knows virtual time and one seeded random source only.' }))],
    'no-restricted-syntax': ['error',
      { selector: "MemberExpression[object.name='Date'][property.name='now']", message: 'Use the virtual clock.' },
      { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Use the virtual clock.' },
      { selector: "MemberExpression[object.name='Math'][property.name='random']", message: 'Use the seeded random source.' },
    ],
  },
}

export default tseslint.config(
  { ignores: ['out/', 'dist/', 'node_modules/', 'test-results/', 'playwright-report/', '.ci/'] },
  ...tseslint.configs.recommended,
  ...svelte.configs.recommended,
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
  },
  {
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unused-expressions': ['error', { allowTernary: true, allowShortCircuit: true }],
      // generators that never wait are programs, too
      'require-yield': 'off',
      'no-control-regex': 'off',
    },
  },
  ...rooms.map(wall),
  pure,
  {
    files: ['renderer/**/*.ts', 'renderer/**/*.svelte'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ group: ['**/engine/**', '**/shell/**', '**/lab/**', '**/host/**', '**/desktop/**', '**/web/**', '**/cli/**'], message: 'The window imports the bridge only.' }] }],
    },
  },
  {
    files: ['electron/**/*.ts'],
    ignores: ['electron/desktop/**'],
    rules: { 'no-restricted-modules': ['error', 'electron'] },
  },
)
