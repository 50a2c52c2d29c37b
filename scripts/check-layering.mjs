// The part of the layering that an import graph cannot see: time, randomness and the host's state are
// inputs. Only files whose name says so read them; everyone else is handed a Clock, a Random or a host
// object. That is what virtual time, seeded runs and replay rest on.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { root, workspaces } from './workspaces.mjs';

const RULES = [
  {
    what: 'reads a clock',
    use: 'the Clock that was passed in',
    names: [
      'Date.now',
      'new Date()',
      'performance.now',
      'performance.timeOrigin',
      'process.hrtime',
      'process.uptime',
    ],
    mayBeIn: /clock/,
  },
  {
    what: 'draws randomness',
    use: 'the Random that was passed in',
    names: [
      'Math.random',
      'crypto.getRandomValues',
      'crypto.randomBytes',
      'crypto.randomUUID',
      'crypto.getRandomValues',
      'randomBytes',
      'randomFillSync',
      'randomInt',
      'randomUUID',
      'hostRandom',
      'getRandomValues',
    ],
    mayBeIn: /random/,
  },
  {
    what: 'reads or changes the host process',
    use: 'an option, or a function of a *.host.ts file',
    names: [
      'process.env',
      'process.cwd',
      'process.chdir',
      'process.stdin',
      'process.stdout',
      'process.stderr',
      'process.umask',
      'process.memoryUsage',
      'process.cpuUsage',
      'process.resourceUsage',
      'process.dlopen',
      'process.binding',
      'process.getBuiltinModule',
      'process.abort',
    ],
    mayBeIn: /^$/,
  },
];

/** Commands are embedders: they may use their own process. Tests, examples and scripts are not looked at. */
const FREE_PACKAGES = new Set(['@sandbox/cli', '@sandbox/oci']);

/** `path: reason`. It only shrinks. */
const EXCEPTIONS = {};

function* sourcesOf(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* sourcesOf(path);
    else if (entry.name.endsWith('.ts')) yield path;
  }
}

/** The host things a file names, as `Date.now` or `randomBytes`, each with its node. */
function* namesIn(file) {
  const found = [];
  const visit = (node) => {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
      found.push([`${node.expression.text}.${node.name.text}`, node]);
    } else if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && !node.arguments?.length) {
      found.push([`new ${node.expression.text}()`, node]);
    } else if (ts.isImportSpecifier(node)) {
      found.push([(node.propertyName ?? node.name).text, node]);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  yield* found;
}

let failures = 0;
for (const pkg of workspaces()) {
  if (FREE_PACKAGES.has(pkg.name)) continue;
  for (const path of sourcesOf(join(pkg.dir, 'src'))) {
    const shown = relative(root, path);
    const name = shown.slice(shown.lastIndexOf('/') + 1);
    if (name.endsWith('.host.ts') || shown in EXCEPTIONS || shown.includes('/src/conformance/')) continue;
    const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
    for (const [used, node] of namesIn(file)) {
      const rule = RULES.find((candidate) => candidate.names.includes(used) && !candidate.mayBeIn.test(name));
      if (!rule) continue;
      const { line } = file.getLineAndCharacterOfPosition(node.getStart());
      console.error(`${shown}:${line + 1}: ${used} ${rule.what}; use ${rule.use}`);
      failures += 1;
    }
  }
}
for (const path of Object.keys(EXCEPTIONS)) {
  if (!ts.sys.fileExists(join(root, path))) {
    console.error(`${path}: an exception for a file that is gone`);
    failures += 1;
  }
}
process.exitCode = failures > 0 ? 1 : 0;
