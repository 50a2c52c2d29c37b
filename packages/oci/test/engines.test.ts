import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { makeImage } from './support/image.js';
import { missing, useRuntime } from './support/runtime.js';

const { dir, script } = useRuntime();
const exec = promisify(execFile);

const has = (name: string): boolean =>
  ['/usr/bin', '/usr/sbin', '/bin', '/usr/local/bin'].some((d) => existsSync(join(d, name)));
const skipped =
  missing ||
  (process.geteuid!() !== 0 ? 'needs root' : '') ||
  (has('containerd') && has('ctr') ? '' : 'no containerd here');

describe.skipIf(skipped)('containerd', () => {
  it('runs, executes in, pauses and kills containers', { timeout: 400_000 }, async () => {
    const work = join(dir(), 'containerd');
    mkdirSync(work);
    const address = join(work, 's');
    writeFileSync(
      join(work, 'config.toml'),
      `version = 2\nroot = "${work}/root"\nstate = "${work}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "${address}"\n[ttrpc]\n  address = "${address}.ttrpc"\n`,
    );
    const runtime = join(work, 'runtime');
    writeFileSync(runtime, `#!/bin/sh\nexec ${process.execPath} ${script} "$@"\n`);
    chmodSync(runtime, 0o755);
    const daemon = spawn('containerd', ['-c', join(work, 'config.toml')], { stdio: 'ignore' });
    const ctr = async (...args: string[]): Promise<{ code: number; stdout: string }> => {
      try {
        const child = exec('ctr', ['-a', address, ...args], { timeout: 120_000 });
        child.child.stdin?.end();
        return { code: 0, stdout: (await child).stdout };
      } catch (error) {
        const { code, stdout } = error as { code: number; stdout: string };
        return { code, stdout };
      }
    };
    const start = (...args: string[]) =>
      ctr('run', '--snapshotter', 'native', '--runc-binary', runtime, ...args);
    try {
      for (let i = 0; i < 200 && (await ctr('version')).code !== 0; i++) await pause(50);
      expect(
        (
          await ctr(
            'image',
            'import',
            '--snapshotter',
            'native',
            makeImage(join(dir(), 'rootfs'), work, 'test'),
          )
        ).code,
      ).toBe(0);
      const image = 'docker.io/library/test:latest';
      expect(await start('--rm', image, 'one', '/bin/sh', '-c', 'echo hello; exit 4')).toEqual({
        code: 4,
        stdout: 'hello\n',
      });
      expect((await start('-d', image, 'two', '/bin/sh', '-c', 'while :; do sleep 0.1; done')).code).toBe(0);
      expect(await ctr('task', 'exec', '--exec-id', 'x', 'two', '/bin/sh', '-c', 'echo in; exit 6')).toEqual({
        code: 6,
        stdout: 'in\n',
      });
      expect((await ctr('task', 'pause', 'two')).code).toBe(0);
      expect((await ctr('task', 'ls')).stdout).toMatch(/^two +\d+ +PAUSED/m);
      expect((await ctr('task', 'resume', 'two')).code).toBe(0);
      expect((await ctr('task', 'kill', '-s', 'KILL', 'two')).code).toBe(0);
      for (let i = 0; i < 200 && !/STOPPED/.test((await ctr('task', 'ls')).stdout); i++) await pause(50);
      await ctr('task', 'rm', 'two');
      expect((await ctr('c', 'rm', 'two')).code).toBe(0);
    } finally {
      daemon.kill('SIGKILL');
    }
  });
});
