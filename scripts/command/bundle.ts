import { defineConfig, type Options } from 'tsup';
import { finishBundle } from './finish-bundle.js';

/** How a command is built from `src/main.ts`. */
export interface CommandBundle {
  /** The package's directory. */
  readonly dir: string;
  /** Further bundles beside it. */
  readonly entry?: Readonly<Record<string, string>>;
  readonly plugins?: Options['esbuildPlugins'];
  /** Arguments of a run whose functions are worth keeping compiled. */
  readonly warmUp: readonly string[];
}

/**
 * Unlike the libraries, a command is one file: it starts in half the time, and nobody imports it. Only koffi, which
 * has a native part, stays outside.
 */
export function commandBundle({ dir, entry = {}, plugins = [], warmUp }: CommandBundle) {
  return defineConfig({
    entry: { main: 'src/main.ts', ...entry },
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
    esbuildPlugins: plugins,
    metafile: true,
    dts: false,
    onSuccess: () => finishBundle(dir, warmUp),
  });
}
