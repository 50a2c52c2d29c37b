#!/usr/bin/env sh
':' //; [ -n "$NODE_EXTRA_CA_CERTS" ] && export SANDBOX_KEPT_CA_CERTS="$NODE_EXTRA_CA_CERTS" && unset NODE_EXTRA_CA_CERTS; exec node "$0" "$@"

// The line above is for the shell, a comment for node. Before anything else node reads all certificates of that variable, for which it takes longer than
// for the rest of its start; none are needed here. The variable is put back, for whom it is passed on to.
// CommonJS, because node's loader for ES modules and compiling the bundle are most of what starting a sandbox takes. Checked in, so that npm can link the
// command before the first build.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const { SANDBOX_KEPT_CA_CERTS: kept } = process.env;
if (kept !== undefined) {
  process.env.NODE_EXTRA_CA_CERTS = kept;
  delete process.env.SANDBOX_KEPT_CA_CERTS;
}

const main = join(__dirname, '../dist/main.cjs');
if (existsSync(main)) {
  const { load } = require('../dist/load.cjs');
  load(main);
} else {
  console.error('sandbox-oci: not built yet, run `npm run build`');
  process.exitCode = 1;
}
