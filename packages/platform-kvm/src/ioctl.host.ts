import { allocatePages, hostSyscall3, viewOf } from '@sandbox/native';
import { HostCallError } from '@sandbox/platform';
import { SYS_ioctl } from './abi.js';

const EINTR = 4;
const MOST_TRIES = 1000;
/** Host memory for the argument of one ioctl, never held over another. */
const ROOM = 16384;
export const argumentAddress = allocatePages(ROOM);
export const argumentView = new DataView(viewOf(argumentAddress, ROOM));
export const argumentBytes = new Uint8Array(argumentView.buffer);

/** ioctl(2): a result, or -errno. */
export function ioctl(fd: number, request: number, argument: number): number {
  return hostSyscall3(SYS_ioctl, fd, request, argument);
}

/**
 * The same, throwing HostCallError. A signal that comes in between, as the timer's of a slice does, is not
 * what anybody asks for: the making of a machine takes long enough to meet one (KVM_CREATE_VM,
 * mm_take_all_locks), and is tried again.
 */
export function mustIoctl(name: string, fd: number, request: number, argument: number): number {
  let r = ioctl(fd, request, argument);
  for (let i = 0; r === -EINTR && i < MOST_TRIES; i++) r = ioctl(fd, request, argument);
  if (r < 0) throw new HostCallError(name, -r);
  return r;
}

export function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 4294967296), true);
}
