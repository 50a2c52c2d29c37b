// Whether the links of the documentation lead somewhere: a relative link of a Markdown file must name a file
// or folder that is there. `#Symbol` behind a source file must be a name that this file declares, so that a
// walk through the code cannot outlive a change of it; behind a Markdown file it must be one of its headings.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { root } from './workspaces.mjs';

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;

/** Every name that a source file declares: of functions, classes, members, variables, types. */
const declared = new Map();
function namesIn(file) {
  const known = declared.get(file);
  if (known !== undefined) return known;
  const names = new Set();
  const visit = (node) => {
    if (node.name !== undefined && (ts.isIdentifier(node.name) || ts.isPrivateIdentifier(node.name)))
      names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest));
  declared.set(file, names);
  return names;
}

/** The anchors of a Markdown file's headings, as GitHub makes them. */
function anchorsIn(file) {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, title]) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** What is wrong with `link` as it stands in `file`; null: nothing. */
function fault(file, link) {
  if (/^[a-z]+:/.test(link)) return null;
  const [path, name] = link.split('#');
  const target = path === '' ? file : resolve(dirname(file), decodeURIComponent(path));
  if (!existsSync(target)) return 'there is no such file';
  if (name === undefined) return null;
  if (target.endsWith('.ts')) return namesIn(target).has(name) ? null : `${path} declares no ${name}`;
  if (target.endsWith('.md')) return anchorsIn(target).has(name) ? null : `${path} has no heading #${name}`;
  return null;
}

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((f) => f !== '' && existsSync(join(root, f)));
let links = 0;
for (const file of files) {
  // Code between fences is no text of links.
  const text = readFileSync(join(root, file), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
  for (const [, link] of text.matchAll(LINK)) {
    links++;
    const why = fault(join(root, file), link);
    if (why === null) continue;
    console.error(`${file}: ${link}: ${why}`);
    process.exitCode = 1;
  }
}
if (process.exitCode === undefined) console.log(`${links} links of ${files.length} documents lead somewhere`);
