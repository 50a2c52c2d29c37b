/**
 * Holds every export against the C headers of the host: for each module a C program is generated that
 * prints every constant and every struct offset by name, and its output must be what we export.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as abi from '../src/index.js';
import { type Answers, ask, COMPLETE_SINCE, hostHeaders, macros, type Question } from './c-headers.js';
import { UNITS, type Unit } from './headers.js';
import { LAYOUTS } from './layouts.js';
import { NOT_IN_HEADERS } from './not-in-headers.js';

type Module = Readonly<Record<string, unknown>>;

const sources = new URL('../src/', import.meta.url);
const modules = new Map<string, Module>();
for (const file of readdirSync(sources).sort()) {
  if (file === 'index.ts') continue;
  modules.set(file.replace(/\.ts$/, ''), (await import(new URL(file, sources).href)) as Module);
}

const headers = hostHeaders();
/** With older headers than ours, a missing name or a smaller struct is no error. */
const complete =
  typeof headers === 'object' &&
  (headers.major > COMPLETE_SINCE.major ||
    (headers.major === COMPLETE_SINCE.major && headers.minor >= COMPLETE_SINCE.minor));

function isLayout(value: unknown): value is Readonly<Record<string, number>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isWords(value);
}

function isWords(value: unknown): value is { lo: number; hi: number } {
  return typeof value === 'object' && value !== null && 'lo' in value && 'hi' in value;
}

/** Lists of names and functions have their own tests below. */
function isChecked(name: string, value: unknown): boolean {
  return !(name in NOT_IN_HEADERS) && typeof value !== 'function' && !Array.isArray(value);
}

function questionsOf(name: string, value: unknown): Question[] {
  if (!isLayout(value)) return [{ name, expression: name }];
  const layout = LAYOUTS[name];
  if (!layout) throw new Error(`${name} is a struct layout without a C type in layouts.ts`);
  return Object.keys(value).map((key) => {
    const bytes =
      key === 'SIZE' ? `sizeof(${layout.type})` : `offsetof(${layout.type}, ${layout.paths?.[key] ?? key})`;
    return { name: `${name}.${key}`, expression: `(int)(${bytes}) / ${layout.unit ?? 1}` };
  });
}

function ours(module: Module, name: string): bigint | string {
  const [constant = '', key] = name.split('.');
  let value = module[constant];
  if (key !== undefined) value = (value as Readonly<Record<string, number>>)[key];
  if (typeof value === 'string') return value;
  if (isWords(value)) return (BigInt(value.hi) << 32n) | BigInt(value.lo);
  return BigInt(value as number);
}

/** C writes bit 31 as a negative int; we write it as a positive number. */
function same(value: bigint | string, c: bigint | string): boolean {
  if (value === c) return true;
  return (
    typeof value === 'bigint' && typeof c === 'bigint' && value >= 1n << 31n && value === (c & 0xffffffffn)
  );
}

function namesOf(module: Module, unit: Unit, units: readonly Unit[]): string[] {
  if (unit.names) return [...unit.names];
  const elsewhere = new Set(units.flatMap((other) => other.names ?? []));
  return Object.keys(module).filter((name) => isChecked(name, module[name]) && !elsewhere.has(name));
}

function differences(module: Module, answers: Answers): string[] {
  const found: string[] = [];
  for (const [name, c] of answers.values) {
    const value = ours(module, name);
    if (same(value, c) || (!complete && name.endsWith('.SIZE'))) continue;
    found.push(`${name}: ours ${value}, the headers ${c}`);
  }
  if (complete) found.push(...answers.unknown.map((name) => `${name}: not in the headers`));
  return found;
}

describe.skipIf(typeof headers === 'string')('values of the C headers', () => {
  it.each([...modules].filter(([name]) => UNITS[name]))('%s', (name, module) => {
    const units = UNITS[name]!;
    const found: string[] = [];
    for (const unit of units) {
      const questions = namesOf(module, unit, units).flatMap((key) => questionsOf(key, module[key]));
      expect(questions.length).toBeGreaterThan(0);
      found.push(...differences(module, ask(unit.include, questions)));
    }
    expect(found).toEqual([]);
  });

  it.runIf(complete)('has every system call and every error number', () => {
    const errors = macros(['asm/errno.h']).filter((name) => /^E[A-Z0-9]+$/.test(name));
    const calls = macros(['sys/syscall.h']).filter((name) => name.startsWith('SYS_'));
    expect(errors.length).toBeGreaterThan(100);
    expect(calls.length).toBeGreaterThan(300);
    const missing = [...errors, ...calls].filter((name) => !(name in abi));
    const { values } = ask(
      ['asm/errno.h', 'sys/syscall.h'],
      missing.map((name) => ({ name, expression: name })),
    );
    // Headers newer than 6.12 number calls beyond mseal.
    const newest = BigInt(abi.SYS_mseal);
    expect(missing.filter((name) => errors.includes(name) || (values.get(name) as bigint) <= newest)).toEqual(
      [],
    );
  });
});

describe('the package as a whole', () => {
  it('lets no two modules export the same name', () => {
    const seen = new Map<string, string>();
    const twice: string[] = [];
    for (const [module, exports] of modules) {
      for (const name of Object.keys(exports)) {
        if (seen.has(name)) twice.push(`${name}: ${seen.get(name)} and ${module}`);
        seen.set(name, module);
      }
    }
    expect(twice).toEqual([]);
    expect(Object.keys(abi).sort()).toEqual([...seen.keys()].sort());
  });

  it('excuses no name that is not exported', () => {
    expect(Object.keys(NOT_IN_HEADERS).filter((name) => !(name in abi))).toEqual([]);
    expect(Object.keys(LAYOUTS).filter((name) => !(name in abi))).toEqual([]);
  });

  it('covers every module', () => {
    const uncovered = [...modules].filter(
      ([name, module]) => !UNITS[name] && Object.keys(module).some((key) => isChecked(key, module[key])),
    );
    expect(uncovered.map(([name]) => name)).toEqual([]);
  });
});

describe('names by number', () => {
  const all: Module = abi;

  it('system calls', () => {
    const expected: string[] = [];
    for (const [name, value] of Object.entries(all)) {
      if (/^SYS_[a-z_]/.test(name)) expected[value as number] = name.slice('SYS_'.length);
    }
    expect([...abi.SYSCALL_NAMES]).toEqual([...expected]);
  });

  it('signals', () => {
    abi.SIGNAL_NAMES.forEach((name, number) => {
      if (name !== undefined) expect(all[name]).toBe(number);
    });
    expect(abi.SIGNAL_NAMES.length).toBe(abi.SIGSYS + 1);
  });

  it('errors', () => {
    abi.ERRNO_NAMES.forEach((name, number) => {
      if (name !== undefined) expect(all[name]).toBe(number);
    });
    expect(abi.ERRNO_NAMES.length).toBe(abi.EHWPOISON + 1);
    expect(abi.ERRNO_NAMES.flatMap((name, number) => (name === undefined ? [number] : []))).toEqual([
      0, 41, 58,
    ]);
  });
});

describe('what no header states', () => {
  it('follows from what they do state', () => {
    expect(abi.RT_SIGFRAME.info).toBe(abi.RT_SIGFRAME.uc + abi.UCONTEXT.SIZE);
    expect(abi.RT_SIGFRAME.SIZE).toBe(abi.RT_SIGFRAME.info + abi.SIGINFO.SIZE);
    expect(abi.TTY_STD_TERMIOS.c_cc.length).toBe(abi.NCCS);
    expect(abi.MAX_ARG_STRLEN).toBe(32 * abi.PAGE_SIZE);
    expect(abi.MAX_RW_COUNT).toBe(abi.INT_MAX & abi.PAGE_MASK);
    expect(abi.SHMLBA).toBe(abi.PAGE_SIZE);
  });

  it('packs device numbers as the C library does', () => {
    expect(abi.makedev(abi.TTYAUX_MAJOR, abi.PTMX_MINOR)).toBe(0x502);
    expect(abi.makedev(0xfff, 0xfffff)).toBe(0xffffffff);
    for (const [major, minor] of [
      [0, 0],
      [1, 3],
      [136, 300],
      [259, 0x12345],
      [0xfff, 0xfffff],
    ] as const) {
      const dev = abi.makedev(major, minor);
      expect([abi.major(dev), abi.minor(dev)]).toEqual([major, minor]);
    }
  });
});
