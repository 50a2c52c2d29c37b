// What the bundle of a command needs beside it: its loader, the licenses of what it contains, and V8's
// compiled code of it.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/**
 * `dir`: the package, bundled into its dist/main.cjs. `parts`: bundles that are loaded when they are wanted,
 * NAME.body.cjs each. `warmUp`: arguments of a run whose functions are worth keeping compiled.
 */
export async function finishBundle(
  dir: string,
  parts: readonly string[],
  warmUp: readonly string[],
): Promise<void> {
  const dist = join(dir, 'dist');
  const metafile = join(dist, 'metafile-cjs.json');
  writeLicenses(dir, Object.keys(JSON.parse(readFileSync(metafile, 'utf8')).inputs));
  rmSync(metafile);
  for (const name of ['main', ...parts.map((part) => `${part}.body`)]) wrap(join(dist, `${name}.cjs`));
  copyFileSync(join(here, 'load.cjs'), join(dist, 'load.cjs'));
  for (const part of parts) {
    const load = `require('./load.cjs').load(require('node:path').join(__dirname, '${part}.body.cjs'))`;
    writeFileSync(join(dist, `${part}.cjs`), `'use strict';\nmodule.exports = ${load};\n`);
  }
  writeCodeCache(dist, warmUp);
}

/**
 * As a function of what node gives a module. At run time, to put that around two million characters would
 * copy them.
 */
function wrap(file: string): void {
  const source = readFileSync(file, 'latin1');
  const head = '(function (exports, require, module, __filename, __dirname) {';
  writeFileSync(file, `${head}${source}\n})`, 'latin1');
}

/** `inputs`: files that were bundled, relative to the package. */
function writeLicenses(dir: string, inputs: readonly string[]): void {
  const packages = new Set<string>();
  for (const input of inputs) {
    const m = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (m) packages.add(resolve(dir, m[1]));
  }
  let text = 'The bundle contains these packages:\n';
  for (const from of [...packages].sort()) {
    const { name, version, license } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    const file = readdirSync(from).find((entry) => /^licen[sc]e/i.test(entry));
    text += `\n---- ${name} ${version} (${license})\n\n${file ? readFileSync(join(from, file), 'utf8') : ''}`;
  }
  writeFileSync(join(dir, 'dist/THIRD-PARTY-LICENSES.txt'), text);
}

/** Compiled code of the functions one run needs, kept for the next: see load.cjs. */
function writeCodeCache(dist: string, warmUp: readonly string[]): void {
  const main = join(dist, 'main.cjs');
  const program = `
    const { load, loaded } = require(${JSON.stringify(join(dist, 'load.cjs'))});
    const { writeFileSync } = require('node:fs');
    process.argv = [process.execPath, ${JSON.stringify(main)}, ...${JSON.stringify(warmUp)}];
    process.on('exit', () => {
      for (const { file, script } of loaded) writeFileSync(file + '.cache', script.createCachedData());
    });
    load(${JSON.stringify(main)});`;
  const { stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000 });
  // A machine that cannot run guests still leaves what it compiled until then.
  if (!existsSync(`${main}.cache`)) console.warn(`no code cache was written: ${stderr}`);
}
