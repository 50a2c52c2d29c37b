/** Waiting for traced threads: wait4 with the status word in reach. */
import { allocatePages, hostSyscall, viewOf } from '@sandbox/native';

const SYS_wait4 = 61;

const address = allocatePages(4096);
const words = new Int32Array(viewOf(address, 4096));

/** Status of the last successful `wait4`. */
export function waitStatus(): number {
  return words[0];
}

/** wait4(pid, &status, options): a pid, 0 (WNOHANG, nothing), or -errno. */
export function wait4(pid: number, options: number): number {
  return hostSyscall(SYS_wait4, pid, address, options, 0);
}

export function isExitStatus(status: number): boolean {
  return (status & 0xff) !== 0x7f;
}
