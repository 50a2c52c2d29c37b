/**
 * The few instructions that run in the kernel half at an exception (for system calls see call-stub.ts): each
 * leaves the virtual machine by an `out`, and knows how to go back. They run at level 0.
 */
import { Assembler, mem } from '@sandbox/native';
import { INT80_VECTOR, PORT_COMPAT_SYSCALL, PORT_DIVIDE_ERROR, VECTOR_PAGE_FAULT } from './layout.js';

/** Vectors for which the processor pushes an error code. */
const WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);
const EXCEPTIONS = 32;
const INT3 = 0xcc;
const PAGE = 4096;

export interface Stubs {
  readonly exceptionPage: Uint8Array;
  /** Offset in the exception page of a lone `iretq`. */
  readonly iret: number;
  /** Offset of the stub of `syscall` from 32-bit code. */
  readonly compat: number;
  /** Offset of each vector's stub, and those with a stub. */
  readonly vectors: ReadonlyMap<number, number>;
  /** Offsets in the exception page where nothing is left to do but to return by the frame. */
  readonly leaving: ReadonlySet<number>;
}

function out(a: Assembler, port: number): Assembler {
  return a.db(0xe6, port);
}
function iretq(a: Assembler): Assembler {
  return a.db(0x48, 0xcf);
}

function page(code: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PAGE).fill(INT3);
  bytes.set(code);
  return bytes;
}

function buildExceptions() {
  const a = new Assembler();
  const vectors = new Map<number, number>();
  const leaving = new Set<number>();
  leaving.add(a.label('iret').position);
  iretq(a);
  a.align(16, INT3).label('compat');
  out(a, PORT_COMPAT_SYSCALL).db(0x0f, 0x0b);
  for (const vector of [...Array(EXCEPTIONS).keys(), INT80_VECTOR]) {
    a.align(16, INT3);
    vectors.set(vector, a.position);
    if (!WITH_ERROR.has(vector)) a.db(0x6a, 0);
    if (vector === VECTOR_PAGE_FAULT) {
      // The address goes on the stack below the frame, where it is read more cheaply than by asking for all
      // special registers.
      a.push('rax').db(0x0f, 0x20, 0xd0).push('rax').mov('rax', mem('rsp', 8));
      leaving.add(out(a, vector).position);
      a.add('rsp', 24);
    } else {
      leaving.add(out(a, vector === 0 ? PORT_DIVIDE_ERROR : vector).position);
      a.add('rsp', 8);
    }
    leaving.add(a.position);
    iretq(a);
  }
  const code = a.assemble();
  return { code, iret: a.labelOffset('iret'), compat: a.labelOffset('compat'), vectors, leaving };
}

function build(): Stubs {
  const e = buildExceptions();
  return {
    exceptionPage: page(e.code),
    iret: e.iret,
    compat: e.compat,
    vectors: e.vectors,
    leaving: e.leaving,
  };
}

export const stubs = build();
