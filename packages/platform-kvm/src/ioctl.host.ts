import { allocatePages, hostSyscall3, viewOf } from '@sandbox/native';
import { HostCallError } from '@sandbox/platform';
import { SYS_ioctl } from './abi.js';

/** Host memory for the argument of one ioctl, never held over another. */
const ROOM = 16384;
export const argumentAddress = allocatePages(ROOM);
export const argumentView = new DataView(viewOf(argumentAddress, ROOM));
export const argumentBytes = new Uint8Array(argumentView.buffer);

/** ioctl(2): a result, or -errno. */
export function ioctl(fd: number, request: number, argument: number): number {
  return hostSyscall3(SYS_ioctl, fd, request, argument);
}

/** The same, throwing HostCallError. */
export function mustIoctl(name: string, fd: number, request: number, argument: number): number {
  const r = ioctl(fd, request, argument);
  if (r < 0) throw new HostCallError(name, -r);
  return r;
}

export function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 4294967296), true);
}
