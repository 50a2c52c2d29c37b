import { defineConfig } from 'tsup';

/**
 * How every package is built: ESM, types and source maps for Node 20. Everything named in the
 * package's package.json stays an import (tsup's default), so the packages of this repository meet as
 * one copy in an embedder's process: classes compare by identity and the kernel's state is not doubled.
 */
export function packageConfig(entry: Record<string, string>) {
  return defineConfig({
    entry,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    sourcemap: true,
    clean: true,
    splitting: true,
    treeshake: false,
    // tsup compiles the entries alone, without the project references that `composite` asks for.
    dts: { compilerOptions: { composite: false, incremental: false } },
  });
}
