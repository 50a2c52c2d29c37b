import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { missing, titled, useRuntime } from './support/runtime.js';

const { run, bundle, state, dir } = useRuntime();
const LIMIT = 300_000;
const AT_ONCE = 6;
const IN_A_ROW = 5;
const GROUP = `/sandbox-oci-test-${process.pid}`;

/**
 * Processes of the host that were started in the tests' directory, or descend from such: their state
 * directory is in their arguments.
 */
function processes(): number[] {
  const parents = new Map<number, number>();
  const ours = new Set<number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z') continue;
      parents.set(pid, Number(fields[1]));
      if (readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(state())) ours.add(pid);
    } catch {
      // Gone meanwhile.
    }
  }
  for (let grown = true; grown; ) {
    grown = false;
    for (const [pid, parent] of parents) {
      if (!ours.has(parent) || ours.has(pid)) continue;
      ours.add(pid);
      grown = true;
    }
  }
  return [...ours];
}

/** Where the tests' groups are, in each of the host's hierarchies. */
function groupDirectories(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts
    .map((line) => line.split(' '))
    .filter(([, path, type]) => path !== undefined && type?.startsWith('cgroup'))
    .map(([, path]) => join(path!, GROUP))
    .filter((path) => existsSync(path));
}

/** Groups of containers that are there still. */
const groups = (): string[] =>
  groupDirectories().flatMap((path) => readdirSync(path).filter((name) => /^c(\d|-)/.test(name)));

const mounts = (): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir()));

const isThere = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
};

/** `family`: processes that were there, among them those of guests, which have lost their parents now. */
async function nothingLeft(family: readonly number[] = []): Promise<void> {
  const left = (): number[] => [...processes(), ...family.filter(isThere)];
  // What was killed takes a moment to go.
  for (let i = 0; i < 600 && left().length > 0; i++) await pause(50);
  expect(left()).toEqual([]);
  expect(readdirSync(state())).toEqual([]);
  expect(groups()).toEqual([]);
  expect(mounts()).toEqual([]);
}

describe.skipIf(missing)(titled('what is left of containers', missing), () => {
  afterAll(() => {
    for (const path of groupDirectories()) rmdirSync(path);
  });

  it('nothing of some in a row', { timeout: LIMIT }, async () => {
    for (let i = 0; i < IN_A_ROW; i++) {
      const at = bundle(`echo ${i}; exit ${i}`, (c) => {
        c.linux.cgroupsPath = `${GROUP}/c${i}`;
      });
      expect(await run(['run', '-b', at, `c${i}`])).toEqual({ code: i, stdout: `${i}\n`, stderr: '' });
    }
    await nothingLeft();
  });

  it('nothing of some at once, whose supervisors are killed', { timeout: LIMIT }, async () => {
    const ids = Array.from({ length: AT_ONCE }, (_, i) => `c${i}`);
    const started = await Promise.all(
      ids.map((id) => {
        const at = bundle('sleep 1000 & while :; do sleep 0.2; done', (c) => {
          c.linux.cgroupsPath = `${GROUP}/${id}`;
        });
        return run(['run', '--detach', '-b', at, id]);
      }),
    );
    expect(started.map(({ code }) => code)).toEqual(ids.map(() => 0));
    const running = JSON.parse((await run(['list', '-f', 'json'])).stdout) as { pid: number }[];
    expect(running).toHaveLength(AT_ONCE);
    const family = processes();
    // Supervisors, and the processes guests run in where the platform has such.
    expect(family.length).toBeGreaterThanOrEqual(AT_ONCE);
    // Half are killed from outside, half by the command.
    for (const { pid } of running.slice(0, AT_ONCE / 2)) process.kill(pid, 'SIGKILL');
    for (const { code } of await Promise.all(ids.map((id) => run(['delete', '--force', id]))))
      expect(code).toBe(0);
    await nothingLeft(family);
  });

  it('nothing of a pod and what was executed there', { timeout: LIMIT }, async () => {
    const sandbox = bundle(['/pause'], (c) => {
      c.annotations = { 'io.kubernetes.cri.container-type': 'sandbox' };
      c.linux.cgroupsPath = `${GROUP}/c-pod`;
    });
    expect((await run(['run', '--detach', '-b', sandbox, 'pod'])).code).toBe(0);
    const member = bundle('while :; do sleep 0.2; done', (c) => {
      c.annotations = {
        'io.kubernetes.cri.container-type': 'container',
        'io.kubernetes.cri.sandbox-id': 'pod',
      };
      c.linux.cgroupsPath = `${GROUP}/c-member`;
    });
    expect((await run(['run', '--detach', '-b', member, 'member'])).code).toBe(0);
    expect((await run(['exec', '--detach', 'member', 'sleep', '1000'])).code).toBe(0);
    const family = processes();
    expect((await run(['delete', '--force', 'pod'])).code).toBe(0);
    expect((await run(['delete', '--force', 'member'])).code).toBe(0);
    await nothingLeft(family);
  });
});
