import type { Task } from '@sandbox/kernel-core/process';
import { latin1, MAX_STRING, quote } from './text.js';

/** One system call being printed. */
export class Call {
  /** What it returned; meaningful once it has. */
  result = 0;
  /** A number in memory before the call overwrote it (the room for a socket's address). */
  saved = 0;

  constructor(
    readonly task: Task,
    readonly nr: number,
    readonly name: string,
  ) {}

  get failed(): boolean {
    return this.result < 0;
  }
  i32(i: number): number {
    return this.task.args.i32(i);
  }
  u32(i: number): number {
    return this.task.args.u32(i);
  }
  u64(i: number): number {
    return this.task.args.u64(i);
  }
  s64(i: number): number {
    return this.task.args.s64(i);
  }

  /** `size` bytes of the guest's memory, or null. */
  bytes(addr: number, size: number): Uint8Array | null {
    if (addr === 0 || size < 0 || size > 65536) return null;
    const out = new Uint8Array(size);
    return this.task.mm.copyIn(addr, out, 0, size) === 0 ? out : null;
  }

  view(addr: number, size: number): DataView | null {
    const bytes = this.bytes(addr, size);
    return bytes === null ? null : new DataView(bytes.buffer);
  }

  /**
   * A NUL-terminated string in quotes, cut after MAX_STRING (`max`) bytes; its address when it cannot be
   * read.
   */
  string(addr: number, max = MAX_STRING): string {
    if (addr === 0) return 'NULL';
    const text = this.task.mm.readString(addr, 4097);
    if (typeof text === 'number') return pointer(addr);
    return quote(text.slice(0, max), text.length > max);
  }

  /** `length` bytes in quotes. */
  buffer(addr: number, length: number): string {
    if (addr === 0) return 'NULL';
    const shown = Math.min(length, MAX_STRING);
    const bytes = this.bytes(addr, shown);
    return bytes === null ? pointer(addr) : quote(latin1(bytes), length > shown);
  }
}

export function pointer(value: number): string {
  return value === 0 ? 'NULL' : `0x${value.toString(16)}`;
}

/** How one argument is printed. */
export interface Arg {
  /** Its text is known only when the call has returned. */
  readonly late: boolean;
  /** Looks at memory before the call changes it. */
  readonly enter?: (c: Call, i: number) => void;
  /** Null: the call has no such argument. */
  readonly print: (c: Call, i: number) => string | null;
}

export const now = (print: Arg['print']): Arg => ({ late: false, print });

/** What the call itself writes: the address when it failed. */
export const late = (print: (c: Call, i: number) => string | null): Arg => ({
  late: true,
  print: (c, i) => (c.failed ? null : print(c, i)) ?? pointer(c.u64(i)),
});

/** The structure at an address, as `print` shows it; the address when it cannot be read. */
export function at(size: number, print: (view: DataView, c: Call) => string) {
  return (c: Call, i: number): string => structAt(c, c.u64(i), size, print);
}

export function structAt(
  c: Call,
  addr: number,
  size: number,
  print: (v: DataView, c: Call) => string,
): string {
  const view = c.view(addr, size);
  return view === null ? pointer(addr) : print(view, c);
}

/** Unsigned 64 bits as a decimal number. */
export function u64(view: DataView, offset: number): string {
  return view.getBigUint64(offset, true).toString();
}

export function s64(view: DataView, offset: number): string {
  return view.getBigInt64(offset, true).toString();
}

export function hex64(view: DataView, offset: number): string {
  return `0x${view.getBigUint64(offset, true).toString(16)}`;
}

/** A 64-bit address. */
export function ptr64(view: DataView, offset: number): string {
  const value = view.getBigUint64(offset, true);
  return value === 0n ? 'NULL' : `0x${value.toString(16)}`;
}

/** The same as a number. */
export function num64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}
