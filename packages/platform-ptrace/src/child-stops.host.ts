import { allocatePages, hostSyscall, viewOf } from '@sandbox/native';

const SYS_rt_sigaction = 13;
const SA_NOCLDSTOP = 1;
const SIGCHLD = 17;

const memory = allocatePages(4096);
const words = new Uint32Array(viewOf(memory, 64));

/**
 * Where the embedder (or libuv for its child processes) handles SIGCHLD, every stop of a guest would run that
 * handler. Ask the host not to send it for stops; exits are still announced.
 */
export function muteChildStops(): void {
  hostSyscall(SYS_rt_sigaction, SIGCHLD, 0, memory, 8);
  const handler = words[0] + words[1] * 4294967296;
  if (handler > 1 && (words[2] & SA_NOCLDSTOP) === 0) {
    words[2] = (words[2] | SA_NOCLDSTOP) >>> 0;
    hostSyscall(SYS_rt_sigaction, SIGCHLD, memory, 0, 8);
  }
}
