import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missing, titled, useRuntime } from './support/runtime.js';

const { run, start, bundle, dir } = useRuntime();
const LIMIT = 300_000;

const has = (name: string): boolean =>
  ['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((d) => existsSync(join(d, name)));
const skipped =
  missing ||
  (process.geteuid!() !== 0 ? 'needs root' : '') ||
  (has('ip') ? '' : 'no ip (iproute2) here') ||
  canMakeNamespaces();

function canMakeNamespaces(): string {
  try {
    execFileSync('unshare', ['-n', 'ip', 'link', 'add', 'probe0', 'type', 'veth', 'peer', 'name', 'probe1'], {
      stdio: 'ignore',
    });
    return '';
  } catch {
    return 'network namespaces and veth devices cannot be made here';
  }
}

const OUTSIDE = `oci-out-${process.pid}`;
const INSIDE = `oci-in-${process.pid}`;
const SERVE = 'ip -o -4 addr show eth0; echo from inside | nc -l -p 7000';

const ip = (...args: string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', timeout: 60_000, stdio: 'pipe' });

/**
 * A wire from a namespace of the tests' (10.201.0.1) to the interface eth0 of the namespace `target`,
 * 10.201.0.2.
 */
function wire(target: string, enter: readonly string[]): void {
  ip('-n', OUTSIDE, 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', target);
  ip('-n', OUTSIDE, 'addr', 'add', '10.201.0.1/24', 'dev', 'wire');
  ip('-n', OUTSIDE, 'link', 'set', 'wire', 'up');
  const inside = (...args: string[]) => execFileSync(enter[0]!, [...enter.slice(1), 'ip', ...args]);
  inside('addr', 'add', '10.201.0.2/24', 'dev', 'eth0');
  inside('link', 'set', 'eth0', 'up');
}

/** What the server at 10.201.0.2 says. */
const answer = (): string =>
  execFileSync(
    'ip',
    [
      'netns',
      'exec',
      OUTSIDE,
      'busybox',
      'sh',
      '-c',
      'until nc 10.201.0.2 7000 </dev/null; do sleep 0.1; done',
    ],
    { encoding: 'utf8', timeout: 100_000, stdio: ['ignore', 'pipe', 'ignore'] },
  );

describe.skipIf(skipped)(titled('the network of a container', skipped), () => {
  beforeAll(() => {
    ip('netns', 'add', OUTSIDE);
    ip('netns', 'add', INSIDE);
  });
  afterAll(() => {
    for (const name of [INSIDE, OUTSIDE]) ip('netns', 'del', name);
  });

  it('is the namespace its configuration names', { timeout: LIMIT }, async () => {
    wire(INSIDE, ['ip', 'netns', 'exec', INSIDE]);
    const at = bundle(SERVE, (c) => {
      c.linux.namespaces = [...c.linux.namespaces!, { type: 'network', path: `/run/netns/${INSIDE}` }];
    });
    const child = start(['run', '-b', at, 'named']);
    child.stdin!.end();
    const output: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => output.push(chunk));
    const ended = new Promise((resolve) => child.once('close', resolve));
    expect(answer()).toBe('from inside\n');
    expect(await ended).toBe(0);
    expect(Buffer.concat(output).toString()).toMatch(/eth0 +inet 10\.201\.0\.2\/24 /);
    // The host has its address back.
    expect(ip('-n', INSIDE, '-o', '-4', 'addr', 'show', 'dev', 'eth0')).toMatch(/10\.201\.0\.2\/24/);
    ip('-n', OUTSIDE, 'link', 'del', 'wire');
  });

  it('is a new one, which engines find by its pid', { timeout: LIMIT }, async () => {
    const log = join(dir(), 'hook');
    const at = bundle(SERVE, (c) => {
      c.linux.namespaces = [...c.linux.namespaces!, { type: 'network' }];
      c.hooks = {
        createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', `readlink /proc/self/ns/net > ${log}`] }],
        createContainer: [{ path: '/bin/sh', args: ['sh', '-c', `readlink /proc/self/ns/net >> ${log}`] }],
      };
    });
    expect((await run(['create', '-b', at, 'own'])).code).toBe(0);
    const { pid } = JSON.parse((await run(['state', 'own'])).stdout);
    const own = readlinkSync('/proc/self/ns/net');
    const theirs = readlinkSync(`/proc/${pid}/ns/net`);
    expect(theirs).not.toBe(own);
    expect(readFileSync(log, 'utf8')).toBe(`${own}\n${theirs}\n`);
    wire(String(pid), ['nsenter', '-t', String(pid), '-n']);
    expect((await run(['start', 'own'])).code).toBe(0);
    expect(answer()).toBe('from inside\n');
    expect((await run(['delete', '-f', 'own'])).code).toBe(0);
  });
});
