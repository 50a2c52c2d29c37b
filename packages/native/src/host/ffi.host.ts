/**
 * The bottom of all host access: koffi, machine code pages and raw system calls. Nothing above this file (and
 * its neighbours) loads koffi. Host addresses are JS numbers (47 bits are exact).
 */
import koffi from 'koffi';
import { Assembler, mem } from '../asm/assembler.js';

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const PAGE = 4096;

const libc = koffi.load('libc.so.6');
const libcMmap = libc.func(
  'intptr_t mmap(intptr_t addr, size_t len, int prot, int flags, int fd, int64_t off)',
);
const libcMprotect = libc.func('int mprotect(intptr_t addr, size_t len, int prot)');

let protoCount = 0;

/**
 * A native function of `arity` word arguments that returns a word, as a JS function on numbers (about 20-60
 * ns a call).
 */
export type NativeFunction = (...args: number[]) => number;

/**
 * Bytes at a host address as a live view. The memory must outlive every use of the view. At most 2^32 - 1
 * bytes.
 */
export function viewOf(address: number, length: number): ArrayBuffer {
  if (length > 0xffffffff) throw new RangeError('a view holds less than 4 GiB');
  return koffi.view(BigInt(address), length) as ArrayBuffer;
}

/** Zeroed private host memory, page aligned, never freed unless `munmap`ped. */
export function allocatePages(bytes: number): number {
  const address = Number(
    libcMmap(0, roundUp(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
  );
  if (address === -1) throw new Error('host memory exhausted');
  return address;
}

function roundUp(n: number): number {
  return Math.ceil(n / PAGE) * PAGE;
}

/**
 * Put machine code in executable memory (write first, then make it read-only and executable). Returns its
 * address.
 */
export function codePage(code: Uint8Array): number {
  const length = roundUp(code.length);
  const address = allocatePages(length);
  new Uint8Array(viewOf(address, length)).set(code);
  if (libcMprotect(address, length, PROT_READ | PROT_EXEC) !== 0)
    throw new Error('executable memory is not allowed here');
  return address;
}

/**
 * Make machine code (or any C function) at `address` callable. System V calling convention; all arguments are
 * integers.
 */
export function callable(address: number, arity: number): NativeFunction {
  const args = new Array(arity).fill('intptr_t').join(', ') || 'void';
  const proto = koffi.proto(`intptr_t native_${++protoCount}(${args})`);
  return koffi.decode(BigInt(address), proto) as NativeFunction;
}

/** Bind a C library function by its prototype, for the few that need strings or output pointers. */
export function libcFunction(prototype: string): (...args: unknown[]) => unknown {
  return libc.func(prototype) as unknown as (...args: unknown[]) => unknown;
}

function buildSyscall(): { code: Uint8Array; entry: number } {
  const a = new Assembler();
  a.label('syscall')
    .mov('rax', 'rdi')
    .mov('rdi', 'rsi')
    .mov('rsi', 'rdx')
    .mov('rdx', 'rcx')
    .mov('r10', 'r8')
    .mov('r8', 'r9')
    .mov('r9', mem('rsp', 8))
    .syscall()
    .ret();
  return { code: a.assemble(), entry: a.labelOffset('syscall') };
}

const syscallCode = buildSyscall();
const syscallAddress = codePage(syscallCode.code) + syscallCode.entry;
const syscall7 = callable(syscallAddress, 7);
const syscall3 = callable(syscallAddress, 4);

/** A raw host system call. Returns the result, or `-errno`. Pointers are host addresses. */
export function hostSyscall(nr: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): number {
  return syscall7(nr, a, b, c, d, e, f);
}

/** The same with at most three arguments: a little cheaper. */
export function hostSyscall3(nr: number, a: number, b: number, c: number): number {
  return syscall3(nr, a, b, c);
}

/** Address of a C library function, for `callable` (integer-only calls without koffi's argument checks). */
export function libcFunctionAddress(name: string): number {
  const dlsym = libc.func('intptr_t dlsym(intptr_t handle, const char *name)');
  const address = Number(dlsym(0, name));
  if (address === 0) throw new Error(`the C library has no ${name}`);
  return address;
}
