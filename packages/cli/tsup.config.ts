import type { PluginBuild } from 'esbuild';
import { defineConfig } from 'tsup';
import { finishBundle } from './scripts/finish-bundle.mjs';

/** The printing of system calls knows every name of the ABI; only runs with --strace shall pay for that. */
const straceApart = {
  name: 'strace-apart',
  setup(build: PluginBuild): void {
    build.onResolve({ filter: /\/strace\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './strace.cjs', external: true } : undefined,
    );
  },
};

/**
 * Unlike the libraries, the command is one file: it starts in half the time, and nobody imports it. Only koffi, which
 * has a native part, stays outside.
 */
export default defineConfig({
  entry: { main: 'src/main.ts', strace: '../kernel/src/tracing/strace.ts' },
  format: 'cjs',
  target: 'node20',
  platform: 'node',
  noExternal: [/^(?!koffi$)/],
  external: ['koffi'],
  clean: true,
  splitting: false,
  treeshake: false,
  // ASCII: the loader reads it as one byte a character, and V8 keeps it so.
  esbuildOptions: (options) => {
    options.charset = 'ascii';
    options.minifyWhitespace = true;
    options.minifySyntax = true;
    options.legalComments = 'none';
    // The loader runs the bundle as a script, in which import() has no meaning.
    options.supported = { ...options.supported, 'dynamic-import': false };
  },
  esbuildPlugins: [straceApart],
  metafile: true,
  dts: false,
  onSuccess: finishBundle,
});
