import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Engine, engineCases, LIMIT, must } from './support/engine.js';
import { type Podman, usePodman, withoutPodman } from './support/podman.js';
import { missing, titled, useRuntime } from './support/runtime.js';

const { run, dir } = useRuntime();
const skipped = missing || withoutPodman;
const TRIES = 600;
const PORT = '8080';

let own: Podman;
let engine: Engine;

/** What a server published at `PORT` says. */
async function page(): Promise<string> {
  for (let i = 0; i < TRIES; i++) {
    const got = await own.within('busybox', 'wget', '-q', '-O', '-', `http://127.0.0.1:${PORT}/index.html`);
    if (got.code === 0) return got.stdout;
    await pause(50);
  }
  throw new Error('nobody answers');
}

describe.skipIf(skipped)(titled('Podman', skipped), () => {
  beforeAll(async () => {
    const work = join(dir(), 'podman');
    mkdirSync(work);
    const config = join(work, 'written.conf');
    const install = ['install', '--engine', 'podman', '--config', config, '--write'];
    expect((await run(install)).stdout).toMatch(/written/);
    expect((await run(install)).stdout).toMatch(/already/);
    own = usePodman(work, config);
    engine = {
      command: own.command,
      before: own.before,
      env: own.env,
      ask: own.podman,
      run: ['--runtime', 'sandbox', 'run'],
      alone: ['--network=none'],
      publish: `127.0.0.1:${PORT}:80`,
      page,
      pids: 'PIDS',
    };
    execFileSync('tar', ['-C', join(dir(), 'rootfs'), '-cf', join(work, 'root.tar'), '.']);
    await must(engine, 'import', '-c', 'ENV PATH=/bin', join(work, 'root.tar'), 'test');
  }, LIMIT);

  afterAll(() => {
    own?.end();
  }, LIMIT);

  engineCases(() => engine, dir);
});
