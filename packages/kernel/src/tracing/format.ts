import { AT_FDCWD, SIGNAL_NAMES } from '@sandbox/abi';
import type { ArgShape } from '../syscalls/row.js';
import type { Task } from '../task/task.js';

const MAX_STRING = 32;
const MAX_VECTOR = 16;
const scratch = new Uint8Array(MAX_STRING + 1);

/** Argument `index` of the call `task` makes, as strace(1) would print it. */
export function formatArgument(task: Task, shape: ArgShape, index: number): string {
  const { args } = task;
  if (typeof shape === 'object') return formatFlags(shape.flags, shape.base, shape.baseMask, args.u32(index));
  switch (shape) {
    case 'fd':
    case 'int':
    case 'pid':
      return String(args.i32(index));
    case 'dirfd':
      return args.i32(index) === AT_FDCWD ? 'AT_FDCWD' : String(args.i32(index));
    case 'uint':
    case 'uid':
    case 'gid':
    case 'clock':
      return String(args.u32(index));
    case 'size':
      return String(args.u64(index));
    case 'long':
    case 'off':
      return String(args.s64(index));
    case 'mode':
      return `0${args.u32(index).toString(8)}`;
    case 'signal':
      return SIGNAL_NAMES[args.i32(index)] ?? String(args.i32(index));
    case 'path':
    case 'str':
      return formatString(task, args.u64(index));
    case 'buf':
      return formatBytes(task, args.u64(index), args.u64(index + 1));
    case 'strv':
      return formatVector(task, args.u64(index));
    default:
      return formatPointer(args.u64(index));
  }
}

function formatPointer(value: number): string {
  return value === 0 ? 'NULL' : `0x${value.toString(16)}`;
}

/** Names of the bits set, the rest in hex. */
export function formatFlags(
  flags: Readonly<Record<string, number>>,
  base: Readonly<Record<string, number>> | undefined,
  baseMask: number | undefined,
  value: number,
): string {
  const names: string[] = [];
  let rest = value;
  if (base && baseMask !== undefined) {
    const kind = (value & baseMask) >>> 0;
    for (const [name, bits] of Object.entries(base)) {
      if (bits === kind) {
        names.push(name);
        break;
      }
    }
    rest = (rest & ~baseMask) >>> 0;
  }
  for (const [name, bits] of Object.entries(flags)) {
    if (bits !== 0 && (rest & bits) >>> 0 === bits) {
      names.push(name);
      rest = (rest & ~bits) >>> 0;
    }
  }
  if (rest !== 0 || names.length === 0) names.push(rest === 0 ? '0' : `0x${rest.toString(16)}`);
  return names.join('|');
}

function formatString(task: Task, addr: number): string {
  if (addr === 0) return 'NULL';
  const text = task.mm.readString(addr, 4096);
  if (typeof text === 'number') return formatPointer(addr);
  return quote(text.slice(0, MAX_STRING), text.length > MAX_STRING);
}

function formatBytes(task: Task, addr: number, length: number): string {
  const n = Math.min(length, MAX_STRING);
  if (addr === 0) return 'NULL';
  const got = task.mm.copyInPartial(addr, scratch, 0, n);
  if (got < n) return formatPointer(addr);
  let text = '';
  for (let i = 0; i < n; i++) text += String.fromCharCode(scratch[i]!);
  return quote(text, length > MAX_STRING);
}

function formatVector(task: Task, addr: number): string {
  if (addr === 0) return 'NULL';
  const parts: string[] = [];
  for (let i = 0; ; i++) {
    const p = task.mm.load64(addr + i * 8);
    if (p <= 0) break;
    if (i === MAX_VECTOR) {
      parts.push('...');
      break;
    }
    parts.push(formatString(task, p));
  }
  return `[${parts.join(', ')}]`;
}

const ESCAPES: Readonly<Record<number, string>> = {
  10: '\\n',
  9: '\\t',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
  11: '\\v',
  12: '\\f',
};

/** A byte string in C's quotes. */
export function quote(text: string, cut: boolean): string {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const next = text.charCodeAt(i + 1);
    if (ESCAPES[c]) out += ESCAPES[c];
    else if (c >= 32 && c < 127) out += text[i];
    else out += next >= 48 && next <= 55 ? `\\${c.toString(8).padStart(3, '0')}` : `\\${c.toString(8)}`;
  }
  return `${out}"${cut ? '...' : ''}`;
}
