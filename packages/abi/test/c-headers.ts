/** Asks the C compiler what the host's headers say about a list of expressions. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Question {
  /** What the answer is filed under. */
  readonly name: string;
  /** A C expression: an integer, a function pointer constant or a string. */
  readonly expression: string;
}

export interface Answers {
  /** Integers in full width (signed unless the C type is unsigned), strings as they are. */
  readonly values: ReadonlyMap<string, bigint | string>;
  /** Names the compiler does not accept: not declared, or no such member. */
  readonly unknown: readonly string[];
}

/** The oldest headers that have every name; older ones may lack some, which is not an error. */
export const COMPLETE_SINCE = { major: 6, minor: 12 };

/** The version of the installed kernel headers, or why the host cannot answer. */
export function hostHeaders(): { major: number; minor: number } | string {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'not an x86-64 Linux host';
  const probe = spawnSync('gcc', ['-E', '-P', '-x', 'c', '-'], {
    encoding: 'utf8',
    input: '#include <linux/version.h>\nLINUX_VERSION_MAJOR LINUX_VERSION_PATCHLEVEL\n',
  });
  if (probe.status !== 0) return 'no gcc, or no kernel headers (linux-libc-dev)';
  const [major = '', minor = ''] = probe.stdout.trim().split(/\s+/);
  return { major: Number(major), minor: Number(minor) };
}

export function ask(include: readonly string[], questions: readonly Question[]): Answers {
  const directory = mkdtempSync(join(tmpdir(), 'abi-'));
  try {
    const source = join(directory, 'ask.c');
    const program = join(directory, 'ask');
    const unknown = new Set<string>();
    for (;;) {
      const known = questions.filter(({ name }) => !unknown.has(name));
      writeFileSync(source, programText(include, known));
      const args = ['-w', '-fmax-errors=0', '-Werror=implicit-function-declaration', source, '-o', program];
      const gcc = spawnSync('gcc', args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
      if (gcc.status === 0) break;
      const before = unknown.size;
      for (const [, name] of gcc.stderr.matchAll(/^NAME:([\w.]+):1:\d+: error/gm)) unknown.add(name!);
      if (unknown.size === before) throw new Error(`gcc: ${gcc.stderr}`);
    }
    return { values: parse(execFileSync(program, { encoding: 'utf8' })), unknown: [...unknown] };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Each question gets its own #line name, so that an error message says which one it is about. */
function programText(include: readonly string[], questions: readonly Question[]): string {
  const lines = [
    '#define _GNU_SOURCE',
    '#include <stddef.h>',
    ...include.map((header) => `#include <${header}>`),
    'extern int printf(const char *, ...);',
    '#define KIND(x) _Generic((x), char *: 2, unsigned long: 1, unsigned long long: 1, default: 0)',
    'int main(void) {',
  ];
  for (const { name, expression: x } of questions) {
    lines.push(
      `#line 1 "NAME:${name}"`,
      `if (KIND(${x}) == 2) printf("${name}\\ts\\t%s\\n", (char *)(${x})); ` +
        `else printf(KIND(${x}) ? "${name}\\tu\\t%llu\\n" : "${name}\\ti\\t%lld\\n", (long long)(${x}));`,
    );
  }
  return [...lines, 'return 0; }', ''].join('\n');
}

function parse(output: string): Map<string, bigint | string> {
  const values = new Map<string, bigint | string>();
  for (const line of output.split('\n')) {
    if (line === '') continue;
    const [name = '', kind, value = ''] = line.split('\t');
    values.set(name, kind === 's' ? value : BigInt(value));
  }
  return values;
}

/** Every macro name the headers define. */
export function macros(include: readonly string[]): string[] {
  const input = include.map((header) => `#include <${header}>\n`).join('');
  const output = execFileSync('gcc', ['-dM', '-E', '-x', 'c', '-'], { encoding: 'utf8', input });
  return [...output.matchAll(/^#define (\w+)/gm)].map(([, name]) => name!);
}
