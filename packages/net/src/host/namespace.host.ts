import { AT_FDCWD, CLONE_NEWNET, O_CLOEXEC, O_RDONLY, SYS_close, SYS_openat, SYS_setns } from '@sandbox/abi';
import { cString, hostSyscall, hostSyscall3 } from '@sandbox/native';
import { check } from '../link/check.host.js';

const OWN = '/proc/thread-self/ns/net';

function open(path: string): number {
  return check(hostSyscall(SYS_openat, AT_FDCWD, cString(path), O_RDONLY | O_CLOEXEC), path);
}

/**
 * Call `fn` with this thread in the host's network namespace `path` (/run/netns/NAME, /proc/PID/ns/net):
 * sockets it makes belong there for ever. null: where it is already. Needs CAP_SYS_ADMIN; throws an `Error`
 * with the host's `code` otherwise.
 */
export function inHostNamespace<T>(path: string | null, fn: () => T): T {
  if (path === null) return fn();
  const target = open(Buffer.from(path, 'utf8').toString('latin1'));
  let own = -1;
  try {
    own = open(OWN);
    check(hostSyscall3(SYS_setns, target, CLONE_NEWNET, 0), `setns ${path}`);
    try {
      return fn();
    } finally {
      check(hostSyscall3(SYS_setns, own, CLONE_NEWNET, 0), 'setns back');
    }
  } finally {
    hostSyscall3(SYS_close, target, 0, 0);
    if (own >= 0) hostSyscall3(SYS_close, own, 0, 0);
  }
}
