import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    // A package name means its sources here, as in tsconfig.base.json: tests never need a build.
    alias: [
      { find: /^@sandbox\/([a-z-]+)\/([a-z-]+)$/, replacement: source('$1/src/$2/index.ts') },
      { find: /^@sandbox\/([a-z-]+)$/, replacement: source('$1/src/index.ts') },
    ],
  },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'conformance/**/*.test.ts'],
    // Tests trace child processes and map guest memory: a worker thread would share both with its
    // neighbours, a forked process does not.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    // What is waited for takes as long as the machine is busy.
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 30_000,
  },
});
