'use strict';
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { Script } = require('node:vm');

/** What was loaded: `{ file, script }`. */
exports.loaded = [];

/**
 * Run the CommonJS bundle `file`, which is wrapped as node wraps a module (finish-bundle.ts), with the compiled code V8 left beside it at
 * build time (`file`.cache). Another version of node does not take that and compiles anew. Returns what it exports.
 */
exports.load = (file) => {
  const source = readFileSync(file, 'latin1');
  let cachedData;
  try {
    cachedData = readFileSync(`${file}.cache`);
  } catch {
    // Built without.
  }
  const script = new Script(source, { filename: file, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  exports.loaded.push({ file, script });
  return module.exports;
};
