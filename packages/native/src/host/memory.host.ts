/** Host memory and memory files. All functions return -errno on failure. */
import { hostSyscall, hostSyscall3 } from './ffi.host.js';
import { cString } from './scratch.host.js';

const SYS_close = 3;
const SYS_fstat = 5;
const SYS_mmap = 9;
const SYS_munmap = 11;
const SYS_madvise = 28;
const SYS_ftruncate = 77;
const SYS_fallocate = 285;
const SYS_memfd_create = 319;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const MADV_DONTNEED = 4;

export function hostMemfdCreate(name: string, flags: number): number {
  return hostSyscall(SYS_memfd_create, cString(name), flags);
}
export function hostFtruncate(fd: number, length: number): number {
  return hostSyscall(SYS_ftruncate, fd, length);
}
export function hostMmap(
  addr: number,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): number {
  return hostSyscall(SYS_mmap, addr, length, prot, flags, fd, offset);
}
export function hostMunmap(addr: number, length: number): number {
  return hostSyscall3(SYS_munmap, addr, length, 0);
}
/** Drop this process's own page-table entries for a range (the content of a shared file stays). */
export function hostForget(addr: number, length: number): number {
  return hostSyscall3(SYS_madvise, addr, length, MADV_DONTNEED);
}
/** Free a range of a file: it reads as zeros afterwards. */
export function hostPunchHole(fd: number, offset: number, length: number): number {
  return hostSyscall(SYS_fallocate, fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, length);
}
export function hostClose(fd: number): number {
  return hostSyscall3(SYS_close, fd, 0, 0);
}
/** fstat into host memory at `statAddress` (144 bytes). */
export function hostFstat(fd: number, statAddress: number): number {
  return hostSyscall3(SYS_fstat, fd, statAddress, 0);
}
