// What a bundle needs beside it: the licenses of what it contains, and V8's compiled code of it.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(here, 'dist');

export async function finishBundle() {
  const metafile = join(dist, 'metafile-cjs.json');
  writeLicenses(Object.keys(JSON.parse(readFileSync(metafile, 'utf8')).inputs));
  rmSync(metafile);
  writeCodeCache();
}

/** @param {string[]} inputs files that were bundled, relative to the package */
function writeLicenses(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const m = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (m) packages.add(resolve(here, m[1]));
  }
  let text = 'The bundle contains these packages:\n';
  for (const dir of [...packages].sort()) {
    const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
    const file = readdirSync(dir).find((entry) => /^licen[sc]e/i.test(entry));
    text += `\n---- ${name} ${version} (${license})\n\n${file ? readFileSync(join(dir, file), 'utf8') : ''}`;
  }
  writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), text);
}

/** Compiled code of the functions one run needs, kept for the next: see bin/load.cjs. */
function writeCodeCache() {
  const main = join(dist, 'main.cjs');
  const program = `
    const { load } = require(${JSON.stringify(join(here, 'bin/load.cjs'))});
    const { writeFileSync } = require('node:fs');
    process.argv = [process.execPath, 'sandbox', 'run', '--', '/bin/true'];
    const script = load(${JSON.stringify(main)});
    process.on('exit', () => writeFileSync(${JSON.stringify(`${main}.cache`)}, script.createCachedData()));`;
  const { stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000 });
  // A machine that cannot run guests still leaves what it compiled until then.
  if (!existsSync(`${main}.cache`)) console.warn(`no code cache was written: ${stderr}`);
}
