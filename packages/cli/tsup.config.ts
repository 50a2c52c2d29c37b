import type { PluginBuild } from 'esbuild';
import { commandBundle } from '../../scripts/command/bundle.js';

/** The printing of system calls knows every name of the ABI; only runs with --strace shall pay for that. */
const straceApart = {
  name: 'strace-apart',
  setup(build: PluginBuild): void {
    build.onResolve({ filter: /\/strace\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './strace.cjs', external: true } : undefined,
    );
  },
};

export default commandBundle({
  dir: import.meta.dirname,
  entry: { strace: '../kernel/src/tracing/strace.ts' },
  plugins: [straceApart],
  warmUp: ['run', '--', '/bin/true'],
});
