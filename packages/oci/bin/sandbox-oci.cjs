#!/usr/bin/env node
// Checked in, so that npm can link the command before the first build. CommonJS, because node's loader for ES modules
// and compiling the bundle are most of what starting a sandbox takes.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const main = join(__dirname, '../dist/main.cjs');
if (existsSync(main)) {
  const { load } = require('../dist/load.cjs');
  load(main);
} else {
  console.error('sandbox-oci: not built yet, run `npm run build`');
  process.exitCode = 1;
}
