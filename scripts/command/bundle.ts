import type { PluginBuild } from 'esbuild';
import { defineConfig, type Options } from 'tsup';
import { finishBundle } from './finish-bundle.js';

/** How a command is built from `src/main.ts`. */
export interface CommandBundle {
  /** The package's directory. */
  readonly dir: string;
  /** Further bundles beside it. */
  readonly entry?: Readonly<Record<string, string>>;
  /**
   * Modules (by name, and path without ending) that are loaded by import() and compiled ahead as main is:
   * bundles of their own.
   */
  readonly parts?: Readonly<Record<string, string>>;
  readonly plugins?: Options['esbuildPlugins'];
  /** Arguments of a run whose functions are worth keeping compiled. */
  readonly warmUp: readonly string[];
}

/**
 * Unlike the libraries, a command is one file: it starts in half the time, and nobody imports it. Only koffi,
 * which has a native part, stays outside.
 */
export function commandBundle({ dir, entry = {}, parts = {}, plugins = [], warmUp }: CommandBundle) {
  return defineConfig({
    entry: {
      main: 'src/main.ts',
      ...entry,
      ...Object.fromEntries(Object.entries(parts).map(([name, path]) => [`${name}.body`, path])),
    },
    format: 'cjs',
    target: 'node20',
    platform: 'node',
    noExternal: [/^(?!.*\.node$)/],
    external: [/\.node$/],
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
    esbuildPlugins: [koffiAtOnce, ...plugins, ...Object.keys(parts).map(apart)],
    metafile: true,
    dts: false,
    onSuccess: () => finishBundle(dir, Object.keys(parts), warmUp),
  });
}

/**
 * koffi's native part without the search for it, which takes longer than loading it; where that is not the
 * one for this machine (another C library, not beside the command), koffi finds what is.
 */
const koffiAtOnce = {
  name: 'koffi-at-once',
  setup(build: PluginBuild): void {
    build.onResolve({ filter: /^koffi$/ }, ({ path, namespace }) =>
      namespace === 'koffi-at-once' ? { path, external: true } : { path, namespace: 'koffi-at-once' },
    );
    build.onLoad({ filter: /.*/, namespace: 'koffi-at-once' }, () => ({
      contents: `
        try {
          module.exports = require('@koromix/koffi-linux-x64/linux_x64/koffi.node');
        } catch {
          module.exports = require('koffi');
        }`,
      loader: 'js',
    }));
  },
};

/** import('.../NAME.js') and import('@sandbox/NAME') are left to the bundle NAME.cjs. */
export function apart(name: string) {
  return {
    name: `${name}-apart`,
    setup(build: PluginBuild): void {
      build.onResolve({ filter: new RegExp(`/${name}(\\.js)?$`) }, ({ kind }) =>
        kind === 'dynamic-import' ? { path: `./${name}.cjs`, external: true } : undefined,
      );
    },
  };
}
