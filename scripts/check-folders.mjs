// Whether folders are in layers: the entries of every folder under packages/*/src (its files and its
// subfolders, each subfolder as one) must not need each other in a circle. Imports of types count, as they do
// for a reader. Circles known today stand in scripts/folder-circles.json; the check fails for a new one, and
// for a listed one that is gone.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';

const root = new URL('..', import.meta.url).pathname;
const listFile = join(root, 'scripts/folder-circles.json');
/** Folders that are one room: what is inside them is not in layers, and why. */
const ONE_ROOM = {
  'packages/kernel-core/src/process':
    'task, signal, ptrace, seccomp, cgroup, keys, cred and ns are fields of a task, and each acts on tasks',
};

/** Every source file below `dir`. */
function sources(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => {
    const path = join(dir, e.name);
    if (e.isDirectory()) return sources(path);
    return e.name.endsWith('.ts') ? [path] : [];
  });
}

/** The files of the same package that `file` imports, types included. */
function imports(file) {
  return ts
    .preProcessFile(readFileSync(file, 'utf8'), true, true)
    .importedFiles.filter((i) => i.fileName.startsWith('.'))
    .map((i) => resolve(dirname(file), i.fileName.replace(/\.js$/, '.ts')));
}

/** Strongly connected components of more than one node (Tarjan). */
function circles(graph) {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (node) => {
    index.set(node, index.size);
    low.set(node, index.get(node));
    stack.push(node);
    for (const next of graph.get(node).keys()) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== index.get(node)) return;
    const component = stack.splice(stack.indexOf(node));
    if (component.length > 1) found.push(component.sort());
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return found;
}

/** Circles among the entries of `dir` that a subfolder takes part in, and of the folders below it. */
function check(dir, edges, report) {
  if (relative(root, dir) in ONE_ROOM) return;
  const inside = edges.filter(([from, to]) => from.startsWith(dir + sep) && to.startsWith(dir + sep));
  const entry = (file) => relative(dir, file).split(sep)[0];
  const graph = new Map();
  for (const [from, to] of inside) {
    for (const file of [from, to]) if (!graph.has(entry(file))) graph.set(entry(file), new Map());
    if (entry(from) === entry(to)) continue;
    const reasons = graph.get(entry(from));
    reasons.set(entry(to), [...(reasons.get(entry(to)) ?? []), [from, to]]);
  }
  for (const circle of circles(graph)) {
    if (!circle.some((name) => !name.endsWith('.ts'))) continue;
    report({ folder: relative(root, dir), circle, graph });
  }
  for (const e of readdirSync(dir, { withFileTypes: true }))
    if (e.isDirectory()) check(join(dir, e.name), inside, report);
}

const found = [];
for (const name of readdirSync(join(root, 'packages'))) {
  const source = join(root, 'packages', name, 'src');
  const edges = sources(source).flatMap((from) => imports(from).map((to) => [from, to]));
  check(source, edges, (circle) => found.push(circle));
}

const key = ({ folder, circle }) => `${folder}: ${circle.join(', ')}`;
const known = JSON.parse(readFileSync(listFile, 'utf8'));
const isNew = found.filter((c) => !known.includes(key(c)));
const gone = known.filter((k) => !found.some((c) => key(c) === k));

/** The lightest arrows of a circle: those to turn first. */
function arrows({ circle, graph }) {
  const lines = circle.flatMap((from) =>
    [...graph.get(from)].filter(([to]) => circle.includes(to)).map(([to, files]) => ({ from, to, files })),
  );
  lines.sort((a, b) => a.files.length - b.files.length);
  return lines.map(({ from, to, files }) => {
    const [a, b] = files[0];
    return `    ${from} -> ${to} (${files.length}), as ${relative(root, a)} -> ${relative(root, b)}`;
  });
}

if (process.argv.includes('--write')) {
  writeFileSync(listFile, `${JSON.stringify(found.map(key).sort(), null, 2)}\n`);
} else if (process.argv.includes('--why')) {
  for (const c of found) console.log([key(c), ...arrows(c)].join('\n'));
} else {
  for (const c of isNew) console.error([`folders in a circle: ${key(c)}`, ...arrows(c)].join('\n'));
  for (const k of gone) console.error(`no longer a circle, take it off scripts/folder-circles.json: ${k}`);
  if (isNew.length + gone.length > 0) process.exitCode = 1;
  else
    console.log(`folders are in layers${known.length > 0 ? `, but for ${known.length} known circles` : ''}`);
}
