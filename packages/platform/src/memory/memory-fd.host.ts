import { hostClose, hostFtruncate, hostMemfdCreate } from '@sandbox/native';
import { HostCallError } from '../errors.js';

const MFD_CLOEXEC = 1;
/** MFD_EXEC: guests run code from it; older kernels do not know the flag and allow it anyway. */
const MFD_EXEC = 0x10;

/**
 * An anonymous file of `bytes`, all hole (memfd_create(2)). Its descriptor, CLOEXEC. Throws HostCallError.
 */
export function createMemoryFd(name: string, bytes: number): number {
  let fd = hostMemfdCreate(name, MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0) fd = hostMemfdCreate(name, MFD_CLOEXEC);
  if (fd < 0) throw new HostCallError('memfd_create', -fd);
  const r = hostFtruncate(fd, bytes);
  if (r < 0) {
    hostClose(fd);
    throw new HostCallError('ftruncate', -r);
  }
  return fd;
}
