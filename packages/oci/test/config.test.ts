import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseFlags } from '../src/cli/parser.js';
import { loadConfig } from '../src/config/load.js';
import { groupPath } from '../src/sandbox/cgroup.js';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sandbox-oci-config-'));
  mkdirSync(join(dir, 'rootfs'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// biome-ignore lint/suspicious/noExplicitAny: what is tested is of any shape.
type Any = any;

const good = (): Any => ({
  ociVersion: '1.2.0',
  root: { path: 'rootfs' },
  process: {
    args: ['sh'],
    cwd: '/',
    user: { uid: 0, gid: 0 },
    rlimits: [{ type: 'RLIMIT_CPU', soft: 1, hard: 2 ** 64 }],
  },
  linux: { namespaces: [{ type: 'pid' }, { type: 'uts' }], seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } },
  extension: { of: 'somebody' },
});

function load(change: (config: Any) => void): unknown {
  const config = good();
  change(config);
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
  return loadConfig(dir);
}

describe('config.json', () => {
  it('is taken as it is when it is right', () => {
    expect(load(() => {})).toEqual(JSON.parse(JSON.stringify(good())));
  });

  // The words are runc's, where it has any.
  it.each<[string, (config: Any) => void]>([
    ['args must not be empty', (c) => (c.process.args = [])],
    ['process property must not be empty', (c) => delete c.process],
    ['root must be specified', (c) => delete c.root],
    ['invalid rootfs: stat %/nowhere: no such file or directory', (c) => (c.root.path = 'nowhere')],
    ['Cwd must be an absolute path', (c) => (c.process.cwd = 'here')],
    ['Cwd property must not be empty', (c) => (c.process.cwd = '')],
    ['wrong rlimit value: RLIMIT_X', (c) => (c.process.rlimits[0].type = 'RLIMIT_X')],
    ['namespace {"x" ""} does not exist', (c) => c.linux.namespaces.push({ type: 'x' })],
    ['malformed spec file: duplicated ns {"pid" ""}', (c) => c.linux.namespaces.push({ type: 'pid' })],
    [
      'unable to set hostname without a private UTS namespace',
      (c) => Object.assign(c, { hostname: 'x', linux: { namespaces: [] } }),
    ],
    [
      'sysctl "kernel.x" is not in a separate kernel namespace',
      (c) => (c.linux.sysctl = { 'kernel.x': '1' }),
    ],
    [
      'string SCMP_ACT_X is not a valid action for seccomp',
      (c) => (c.linux.seccomp.defaultAction = 'SCMP_ACT_X'),
    ],
    ['rootfsPropagation=x is not supported', (c) => (c.linux.rootfsPropagation = 'x')],
    ['config.json is not valid: process.user.uid must be >= 0', (c) => (c.process.user.uid = -1)],
    ['config.json is not valid: process.args.0 must be string', (c) => (c.process.args = [1])],
    [
      "config.json is not valid: mounts.0 must have required property 'destination'",
      (c) => (c.mounts = [{}]),
    ],
    [
      'config.json is not valid: hooks.poststart.0.timeout must be >= 1',
      (c) => (c.hooks = { poststart: [{ path: '/x', timeout: 0 }] }),
    ],
    ['json: process is no object', (c) => (c.process = 'x')],
  ])('%s', (message, change) => {
    expect(() => load(change)).toThrow(message.replace('%', dir));
  });

  it('that is missing or cut off', () => {
    writeFileSync(join(dir, 'config.json'), '{');
    expect(() => loadConfig(dir)).toThrow(`${join(dir, 'config.json')} is not JSON: `);
    rmSync(join(dir, 'config.json'));
    expect(() => loadConfig(dir)).toThrow('JSON specification file config.json not found');
  });
});

describe('options', () => {
  const known = [
    { name: 'bundle', short: 'b', value: 'text', help: '' },
    { name: 'env', short: 'e', value: 'list', help: '' },
    { name: 'fds', value: 'number', help: '' },
    { name: 'force', short: 'f', help: '' },
  ] as const;

  it('are taken up to the first argument', () => {
    expect(
      parseFlags(known, ['-b', 'x', '--env=A=1', '-e', 'B', '--force', '--fds', '3', 'id', '--force']),
    ).toEqual({
      flags: { bundle: 'x', env: ['A=1', 'B'], force: true, fds: 3 },
      rest: ['id', '--force'],
    });
    expect(parseFlags(known, ['-force=false', '--', '-b'])).toEqual({
      flags: { force: false },
      rest: ['-b'],
    });
  });

  it.each([
    [['--none'], 'flag provided but not defined: -none'],
    [['-b'], 'flag needs an argument: -b'],
    [['--fds', 'x'], 'invalid value "x" for flag -fds: parse error'],
    [['--force=x'], 'invalid boolean value "x" for -force: parse error'],
  ])('%j', (args, message) => {
    expect(() => parseFlags(known, args)).toThrow(message);
  });
});

describe('the control group', () => {
  it.each([
    [undefined, false, '/id'],
    ['/docker/x', false, '/docker/x'],
    ['kube/x', false, '/kube/x'],
    ['user-a.slice:libpod:x', true, '/user.slice/user-a.slice/libpod-x.scope'],
    [':docker:x', true, '/system.slice/docker-x.scope'],
    ['machine.slice:a:b.slice', true, '/machine.slice/b.slice'],
  ])('%s', (cgroupsPath, systemd, path) => {
    expect(groupPath({ ociVersion: '1.2.0', linux: { cgroupsPath } }, 'id', systemd)).toBe(path);
  });
});
