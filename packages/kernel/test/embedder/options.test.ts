/**
 * What is no option, or has no sense, is refused before anything is done, by a class with a literal code that
 * names it.
 */
import {
  type Container,
  InvalidOptionError,
  Kernel,
  KernelError,
  type KernelOptions,
  SeededRandom,
  straceTo,
  VirtualClock,
} from '@sandbox/kernel';
import { hostfs, memfs, overlay, tmpfs, VfsError } from '@sandbox/vfs';
import { afterAll, beforeAll, expect, it } from 'vitest';

let kernel: Kernel;
let container: Container;

beforeAll(async () => {
  kernel = await Kernel.create({ root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }) });
  container = kernel.createContainer({ root: tmpfs() });
}, 120_000);
afterAll(() => kernel?.dispose());

/** The option an InvalidOptionError of `fn` names. */
async function refused(fn: () => unknown): Promise<string> {
  try {
    const result = await fn();
    return `nothing: it gave ${String(result)}`;
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    expect(error).toBeInstanceOf(KernelError);
    expect(error.code).toBe('ERR_INVALID_OPTION');
    return error.option;
  }
}

/** Values an option may be given by mistake: `[option named, options]`. */
type Cases = readonly (readonly [string, unknown])[];

const of = (name: string, ...values: unknown[]): Cases => values.map((value) => [name, { [name]: value }]);

it('Kernel.create', async () => {
  const cases: Cases = [
    ['(all)', undefined],
    ['(all)', null],
    ['(all)', 'host'],
    ['(all)', []],
    ['rout', { rout: tmpfs() }],
    ...of('platform', 42, {}, null, 'docker', () => null),
    ...of('mounts', 'x', [tmpfs()], null, new Map([['/a', tmpfs()]])),
    ["mounts['a']", { mounts: { a: tmpfs() } }],
    ["mounts['/']", { mounts: { '/': tmpfs() } }],
    ["mounts['/a']", { mounts: { '/a': '/host' } }],
    ...of('limits', 'x', 5, null),
    ['limits.memry', { limits: { memry: 1 } }],
    ['limits.memory', { limits: { memory: -1 } }],
    ['limits.memory', { limits: { memory: '512m' } }],
    ['limits.memory', { limits: { memory: null } }],
    ['limits.processes', { limits: { processes: 0.5 } }],
    ...of('env', 'A=b', ['A=b'], null, { A: 1 }, { '': 'x' }, { 'A=': 'x' }),
    ...of('user', 'root', 1000, null),
    ['user.uid', { user: {} }],
    ['user.gidd', { user: { uid: 1, gidd: 1 } }],
    ['user.groups', { user: { uid: 1, groups: 5 } }],
    ['user.groups[1]', { user: { uid: 1, groups: [1, -1] } }],
    ...of('hostname', 5, '', null, 'é'.repeat(33), 'a\0'),
    ...of('clock', {}, Date, 5, null),
    ...of('random', {}, Math.random, null),
    ...of('signal', {}, 5, null),
    ...of('measure', 'yes', null),
    ...of('readOnlyRoot', 1),
    ...of('network', 'host', null, []),
    ...of('network', 5),
    ['network.nat', { network: { nat: 'yes' } }],
    ['network.nat', { network: { nat: {} } }],
    ['network.allow', { network: { allow: '*' } }],
    ['network.publish', { network: { publish: { guest: 80 } } }],
    ['network.publish[0]', { network: { publish: [80] } }],
    ['network.publish[0].hots', { network: { publish: [{ guest: 80, hots: 8080 }] } }],
    ['network.hosts', { network: { hosts: { db: 'nowhere' } } }],
    ['network.dns[0]', { network: { dns: ['nowhere'] } }],
    ['network.links', { network: { links: {} } }],
    ['network.links[0]', { network: { links: [null] } }],
    ['network.links[0].name', { network: { links: [{ name: '../x', link: {} }] } }],
    ['network.links[0].link', { network: { links: [{ name: 'eth1', link: {} }] } }],
    ['network.capture', { network: { capture: 'file.pcapng' } }],
    ['network.backend', { network: { backend: {} } }],
  ];
  for (const [option, options] of cases) {
    const given =
      typeof options === 'object' && options !== null && !Array.isArray(options)
        ? { root: tmpfs(), ...options }
        : options;
    expect(await refused(() => Kernel.create(given as KernelOptions)), JSON.stringify(options)).toBe(option);
  }
  expect(await refused(() => Kernel.create({ root: '/' } as never))).toBe('root');
});

it('spawn and run', async () => {
  const cases: Cases = [
    ['(all)', null],
    ['(all)', 'x'],
    ['cdw', { cdw: '/' }],
    ...of('env', 'x', null, []),
    ...of('cwd', 5, null, 'a\0'),
    ...of('user', 'x', null),
    ...of('tty', 'x', null, 5),
    ['tty.rows', { tty: { columns: 80 } }],
    ...of('argv0', 5, null, 'a\0'),
    ...of('umask', -1, 'x', 0o1000, 1.5),
    ...of('personality', -1),
    ...of('signal', {}, null),
    ...of('timeout', -1, 'x', Number.POSITIVE_INFINITY, null),
    ...of('capabilities', 'x', null),
    ['capabilities.bound', { capabilities: { bound: [] } }],
    ['capabilities.bounding', { capabilities: { bounding: ['CAP_EVERYTHING'] } }],
    ...of('rlimits', 'x', null, { RLIMIT_FOO: { soft: 1, hard: 1 } }),
    ['rlimits.RLIMIT_CPU', { rlimits: { RLIMIT_CPU: { soft: 2, hard: 1 } } }],
    ...of('noNewPrivileges', 1, 'x'),
    ...of('seccomp', 'x', {}),
    ['seccomp[0]', { seccomp: [5] }],
    ['seccomp[0].program', { seccomp: [{}] }],
    ...of('oomScoreAdj', 2000),
  ];
  for (const [option, options] of cases) {
    const [spawned, ran] = [
      await refused(() => kernel.spawn('/bin/true', [], options as never)),
      await refused(() => kernel.run('/bin/true', [], options as never)),
    ];
    expect(spawned, JSON.stringify(options)).toBe(option);
    // `run` has no terminal to give.
    expect(ran, JSON.stringify(options)).toBe(option.startsWith('tty') ? 'tty' : option);
  }
  for (const kind of ['x', 5, null, { fd: 9999 }, { fd: -1 }])
    expect(await refused(() => kernel.spawn('/bin/true', [], { stdio: kind as never }))).toBe('stdio[0]');
  expect(await refused(() => kernel.spawn('/bin/true', 'x' as never))).toBe('args');
  expect(await refused(() => kernel.spawn('/bin/true', [5 as never]))).toBe('args[0]');
  expect(await refused(() => kernel.spawn(5 as never))).toBe('path');
  for (const [option, options] of [
    ...of('input', 5, {}),
    ...of('encoding', 'latin1'),
    ...of('maxBuffer', 'x', -1),
    ...of('stdio', 'pipe'),
  ]) {
    expect(await refused(() => kernel.run('/bin/cat', [], options as never))).toBe(option);
  }
  expect(await refused(() => kernel.load(5 as never))).toBe('path');
  expect(await refused(() => straceTo(kernel, 5 as never))).toBe('target');
  expect(kernel.processes()).toEqual([]);
}, 120_000);

it('containers', async () => {
  const cases: Cases = [
    ['(all)', null],
    ['volume', { volume: tmpfs() }],
    ...of('namespaces', 'x', null),
    ['namespaces.mount', { namespaces: { mount: 'new' } }],
    ['namespaces.pid', { namespaces: { pid: 'host' } }],
    ...of('ids', 'x'),
    ['ids.gids', { ids: { uids: [] } }],
    ['ids.uids[0]', { ids: { uids: [5], gids: [] } }],
    ...of('limits', 5, null),
    ['limits.memory', { limits: { memory: -5 } }],
    ['limits.cpu', { limits: { cpu: 1 } }],
    ...of('timeOffsets', 'x', { monotonic: 'x' }),
    ...of('domainname', 5),
    ...of('onHostProcess', 5),
  ];
  for (const [option, options] of cases) {
    const given = options === null ? null : { root: tmpfs(), ...(options as object) };
    expect(await refused(() => kernel.createContainer(given as never)), JSON.stringify(options)).toBe(option);
  }
  const mount = (options: unknown) => refused(() => container.mount(options as never));
  expect(await mount(undefined)).toBe('(all)');
  expect(await mount({ path: 'a', what: { type: 'proc' } })).toBe('path');
  expect(await mount({ path: '/a' })).toBe('what');
  expect(await mount({ path: '/a', what: { fs: '/' } })).toBe('what.fs');
  expect(await mount({ path: '/a', what: { type: 'proc' }, options: 'ro' })).toBe('options');
  expect(await refused(() => container.makeNode({ path: '/a', kind: 'disk' } as never))).toBe('kind');
  expect(await refused(() => container.setLimits('x' as never))).toBe('limits');
  expect(await refused(() => container.killAll('SIGFOO'))).toBe('signal');
});

it('the network', async () => {
  const { net } = kernel;
  expect(await refused(() => net.connect('x' as never))).toBe('port');
  expect(await refused(() => net.connect({ port: 99999 }))).toBe('address.port');
  expect(await refused(() => net.connect({ prot: 1 } as never))).toBe('address.prot');
  expect(await refused(() => net.listen(80, 'x' as never))).toBe('onConnection');
  expect(await refused(() => net.serve(80, {} as never))).toBe('server');
  expect(await refused(() => net.publish(undefined as never))).toBe('publish');
  expect(await refused(() => net.join(5 as never))).toBe('namespace');
});

it('file systems', () => {
  const wrong: (() => unknown)[] = [
    () => hostfs(undefined as never),
    () => hostfs('/', { readonly: true } as never),
    () => hostfs('/', { readOnly: 'yes' } as never),
    () => tmpfs('1m' as never),
    () => tmpfs({ sice: 5 } as never),
    () => tmpfs({ size: -1 }),
    () => tmpfs({ userQuota: { bytes: 1 } as never }),
    () => overlay(undefined as never),
    () => overlay({ lower: '/' } as never),
    () => overlay({ lower: tmpfs(), uper: tmpfs() } as never),
    () => memfs({} as never),
  ];
  for (const make of wrong) expect(make, String(make)).toThrow(VfsError);
});

it('clocks and seeds', () => {
  expect(() => new VirtualClock(Number.NaN)).toThrow(RangeError);
  expect(() => new VirtualClock().advance(-1)).toThrow(RangeError);
  expect(() => new SeededRandom('x' as never)).toThrow(RangeError);
});
