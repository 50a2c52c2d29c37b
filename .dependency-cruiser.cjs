// Which module may import which. The arrows between packages point one way only (docs/README.md has
// the picture); what no import graph can see (clocks, randomness, host calls by name) is checked by
// scripts/check-layering.mjs, the order of the folders in a package by scripts/check-folders.mjs.

/** What each package may import, besides itself. */
const allowed = {
  abi: [],
  native: ['abi'],
  platform: ['abi', 'native'],
  'platform-ptrace': ['abi', 'native', 'platform'],
  'platform-kvm': ['abi', 'native', 'platform'],
  vfs: ['abi', 'native'],
  net: ['abi', 'native'],
  'kernel-core': ['abi', 'native', 'platform', 'vfs'],
  'kernel-net': ['abi', 'kernel-core', 'net', 'vfs'],
  strace: ['abi', 'kernel-core'],
  kernel: [
    'abi',
    'kernel-core',
    'kernel-net',
    'native',
    'net',
    'platform',
    'platform-kvm',
    'platform-ptrace',
    'strace',
    'vfs',
  ],
  cli: ['abi', 'kernel', 'net', 'platform', 'platform-kvm', 'platform-ptrace', 'vfs'],
  oci: ['abi', 'kernel', 'native', 'vfs'],
};

const sources = (names) => `^packages/(${names.join('|')})/`;

const arrows = Object.entries(allowed).map(([name, needs]) => ({
  name: `arrow-${name}`,
  comment: `${name} may import ${needs.length > 0 ? needs.join(', ') : 'no other package'}`,
  severity: 'error',
  from: { path: `^packages/${name}/src/` },
  to: { path: '^packages/', pathNot: sources([name, ...needs]) },
}));

module.exports = {
  forbidden: [
    ...arrows,
    {
      name: 'front-door',
      comment: 'a package is imported by its name, so that its exports map stays its whole surface',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/' },
      to: {
        path: '^packages/',
        pathNot: [
          '^packages/$1/',
          '^packages/[^/]+/src/index\\.ts$',
          '^packages/platform/src/conformance/index\\.ts$',
          '^packages/kernel-core/src/[^/]+/index\\.ts$',
        ],
      },
    },
    {
      name: 'conformance-suite-is-for-tests',
      comment: 'the suite needs vitest, which no embedder has to install',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: '^packages/platform/src/conformance/' },
      to: { path: '^packages/platform/src/conformance/' },
    },
    {
      name: 'koffi-in-native-only',
      comment: 'one package talks to the host through FFI',
      severity: 'error',
      from: { pathNot: '^packages/native/' },
      to: { path: '(^|/)node_modules/koffi/' },
    },
    {
      name: 'hostfs-alone-reaches-the-host',
      comment: 'in vfs only the host file system needs native',
      severity: 'error',
      from: { path: '^packages/vfs/src/', pathNot: '\\.host\\.ts$' },
      to: { path: '^packages/native/' },
    },
    {
      name: 'platforms-by-choice',
      comment: 'the kernel knows the contract; a platform is loaded in one place, when it was asked for',
      severity: 'error',
      from: { path: '^packages/kernel/src/', pathNot: '^packages/kernel/src/embedder/platforms\\.ts$' },
      to: { path: '^packages/platform-' },
    },
    {
      name: 'platforms-load-lazily',
      comment: 'a static import would load every platform into every process',
      severity: 'error',
      from: { path: '^packages/kernel/src/embedder/platforms\\.ts$' },
      to: { path: '^packages/platform-', dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'host-calls-in-host-files',
      comment: 'node modules with effects on the host are imported only by files named *.host.ts',
      severity: 'error',
      from: {
        path: '^packages/(?!(?:cli|oci)/)[^/]+/src/',
        pathNot: ['\\.host\\.ts$', '^packages/platform/src/conformance/'],
      },
      to: {
        dependencyTypes: ['core'],
        // What is left is computation (buffer, events, stream, util, crypto's hashes...).
        path: '^(node:)?(fs|fs/promises|child_process|cluster|dgram|dns|dns/promises|http|http2|https|inspector|net|os|process|repl|tls|tty|v8|vm|wasi|worker_threads)$',
      },
    },
    {
      name: 'no-cycles',
      severity: 'warn',
      from: { path: '^packages/[^/]+/src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // A type is a dependency too: an arrow drawn by types is still an arrow...
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['(^|/)dist/'] },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
    moduleSystems: ['es6'],
  },
};
