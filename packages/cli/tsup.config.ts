import { defineConfig } from 'tsup';
import { finishBundle } from './scripts/finish-bundle.mjs';

/**
 * Unlike the libraries, the command is one file: it starts in half the time, and nobody imports it. Only koffi, which
 * has a native part, stays outside.
 */
export default defineConfig({
  entry: { main: 'src/main.ts' },
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
  },
  metafile: true,
  dts: false,
  onSuccess: finishBundle,
});
