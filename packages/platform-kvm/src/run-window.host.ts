import { allocatePages, hostMmap, viewOf } from '@sandbox/native';
import { HostCallError } from '@sandbox/platform';

const PROT_READ_WRITE = 3;
const MAP_SHARED_FIXED = 0x11;
const MAP_PRIVATE_FIXED_ANONYMOUS = 0x32;

/**
 * Where the state a virtual CPU shares with us is seen. A view cannot be taken back from the engine, so
 * windows are made once and mapped over again; in between they show private zeros.
 */
export interface RunWindow {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

const free: RunWindow[] = [];

/** Map the shared state of virtual CPU `fd`. Throws HostCallError. */
export function openRunWindow(fd: number, size: number): RunWindow {
  let window = free.pop();
  if (!window) {
    const address = allocatePages(size);
    const buffer = viewOf(address, size);
    window = { address, bytes: new Uint8Array(buffer), words: new Uint32Array(buffer) };
  }
  const r = hostMmap(window.address, size, PROT_READ_WRITE, MAP_SHARED_FIXED, fd, 0);
  if (r < 0) {
    free.push(window);
    throw new HostCallError('mmap(vcpu)', -r);
  }
  return window;
}

export function closeRunWindow(window: RunWindow, size: number): void {
  const r = hostMmap(window.address, size, PROT_READ_WRITE, MAP_PRIVATE_FIXED_ANONYMOUS, -1, 0);
  if (r >= 0) free.push(window);
}
