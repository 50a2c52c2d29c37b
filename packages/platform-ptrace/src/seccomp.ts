/**
 * The host filter under which every stub runs (seccomp(2), classic BPF). Guest system calls never reach the
 * host: SYSEMU turns them into stops. This filter is the second wall: should one slip past, it dies. Only the
 * stub's own instructions may make the few calls it is told to make, and a call through the vsyscall page,
 * which the host would otherwise emulate itself, becomes a SIGSYS the platform reports as a fault there.
 */
import { CODE_ADDRESS, CODE_BYTES } from '@sandbox/platform';
import { SHARED_FD } from './layout.js';

const LD_ABS = 0x20;
const JEQ = 0x15;
const JGE = 0x35;
const JSET = 0x45;
const RET = 0x06;

const RET_KILL_PROCESS = 0x80000000;
const RET_TRAP = 0x00030000;
const RET_ALLOW = 0x7fff0000;

// struct seccomp_data
const NR = 0;
const ARCH = 4;
const IP_LOW = 8;
const IP_HIGH = 12;
const ARG = (i: number): number => 16 + i * 8;

const ARCH_X86_64 = 0xc000003e;
const SYS_mmap = 9;
const SYS_mprotect = 10;
const SYS_munmap = 11;
const SYS_clone = 56;
const SYS_exit = 60;
/** MAP_SHARED | MAP_FIXED | MAP_NORESERVE and subsets. */
const MMAP_FLAGS = 0x1 | 0x10 | 0x4000;
const VSYSCALL_HIGH = 0xffffffff;
const VSYSCALL_LOW = 0xff600000;

interface Instruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

/** The filter program as an array of struct sock_filter. */
export function filterProgram(): Uint8Array {
  const program: Instruction[] = [];
  const emit = (code: number, k: number, jt = 0, jf = 0): void => {
    program.push({ code, jt, jf, k });
  };
  const kill = (): void => emit(RET, RET_KILL_PROCESS);
  const allow = (): void => emit(RET, RET_ALLOW);

  emit(LD_ABS, ARCH);
  emit(JEQ, ARCH_X86_64, 1, 0);
  kill();
  // vsyscall page: ip in [ffffffffff600000, ffffffffff601000)
  emit(LD_ABS, IP_HIGH);
  emit(JEQ, VSYSCALL_HIGH, 0, 4);
  emit(LD_ABS, IP_LOW);
  emit(JGE, VSYSCALL_LOW, 0, 1);
  emit(RET, RET_TRAP);
  kill();
  // Otherwise only from the stub's page.
  emit(LD_ABS, IP_HIGH);
  emit(JEQ, Math.floor(CODE_ADDRESS / 4294967296), 1, 0);
  kill();
  emit(LD_ABS, IP_LOW);
  emit(JGE, CODE_ADDRESS >>> 0, 1, 0);
  kill();
  emit(JGE, (CODE_ADDRESS + CODE_BYTES) >>> 0, 0, 1);
  kill();
  emit(LD_ABS, NR);
  for (const nr of [SYS_munmap, SYS_mprotect, SYS_exit, SYS_clone]) {
    emit(JEQ, nr, 0, 1);
    allow();
  }
  // mmap of the memory file or of what is shared with other sandboxes, descriptors 0 and 1; shared and fixed.
  emit(JEQ, SYS_mmap, 1, 0);
  kill();
  emit(LD_ABS, ARG(4));
  emit(JGE, SHARED_FD + 1, 0, 1);
  kill();
  emit(LD_ABS, ARG(3));
  emit(JSET, ~MMAP_FLAGS >>> 0, 0, 1);
  kill();
  allow();

  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach((p, i) => {
    view.setUint16(i * 8, p.code, true);
    bytes[i * 8 + 2] = p.jt;
    bytes[i * 8 + 3] = p.jf;
    view.setUint32(i * 8 + 4, p.k, true);
  });
  return bytes;
}
