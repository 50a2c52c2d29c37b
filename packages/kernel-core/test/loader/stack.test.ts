import { AT_ENTRY, AT_EXECFN, AT_NULL, AT_PLATFORM, AT_RANDOM } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { Limits } from '../../src/mm/rlimits.js';
import { buildAux, buildStack } from '../../src/process/loader/stack.js';
import { makeMemory } from '../mm/fakes.js';

const AUX = buildAux({
  vdso: 0,
  minSigStack: 2048,
  hwcap: 1,
  hwcap2: 2,
  phdr: 0x400040,
  phnum: 3,
  base: 0,
  entry: 0x401000,
  uid: 0,
  euid: 0,
  gid: 0,
  egid: 0,
  secure: false,
  rseq: false,
});

describe('buildStack', () => {
  it('lays out what a program expects at rsp', () => {
    const { mm } = makeMemory();
    mm.layout.setUp(mm.kernel.random, Limits.initial(10), true);
    const argv = ['prog', 'a b', ''];
    const envp = ['X=1', 'Y='];
    const sp = buildStack(mm, { argv, envp, filename: '/bin/prog', executable: false, aux: AUX });
    expect(sp % 16).toBe(0);
    expect(mm.load64(sp)).toBe(3);
    const strings = (at: number): string[] => {
      const out: string[] = [];
      for (; mm.load64(at) !== 0; at += 8) out.push(mm.readString(mm.load64(at), 100) as string);
      return out;
    };
    expect(strings(sp + 8)).toEqual(argv);
    expect(strings(sp + 8 * 5)).toEqual(envp);
    const aux = new Map<number, number>();
    for (let at = sp + 8 * 8; mm.load64(at) !== AT_NULL; at += 16) aux.set(mm.load64(at), mm.load64(at + 8));
    expect(aux.get(AT_ENTRY)).toBe(0x401000);
    expect(mm.readString(aux.get(AT_EXECFN)!, 100)).toBe('/bin/prog');
    expect(mm.readString(aux.get(AT_PLATFORM)!, 100)).toBe('x86_64');
    expect(aux.get(AT_RANDOM)).toBeGreaterThan(sp);
    // Arguments and environment follow each other, the path ends eight bytes below the top (psABI, proc(5)
    // cmdline).
    expect(mm.exec.argEnd).toBe(mm.exec.envStart);
    expect(mm.exec.envEnd + '/bin/prog'.length + 1 + 8).toBe(mm.layout.stackTop);
    expect(mm.exec.auxv.length).toBe(AUX.length * 16);
  });

  it('grows down to its limit and no further', () => {
    const { mm } = makeMemory();
    const sp = buildStack(mm, { argv: ['x'], envp: [], filename: 'x', executable: false, aux: AUX });
    const limit = 8 * 1024 * 1024;
    expect(mm.store8(sp - limit / 2, 1)).toBe(0);
    expect(mm.store8(mm.layout.stackTop - limit, 1)).toBe(0);
    expect(mm.store8(mm.layout.stackTop - limit - 1, 1)).toBe(-14);
    expect(mm.stackVm).toBe(limit);
  });
});
