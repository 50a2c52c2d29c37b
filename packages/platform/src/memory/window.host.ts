import { hostMmap, viewOf } from '@sandbox/native';
import { HostCallError } from '../errors.js';

export const PAGE = 4096;
export const CHUNK = 2 ** 30;
export const CHUNK_PAGES = CHUNK / PAGE;

const PROT_READ_WRITE = 3;
const MAP_SHARED_NORESERVE = 0x4001;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
const MAP_FIXED = 0x10;

/** A gigabyte of this process's address space with a view on it. */
export interface Window {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/**
 * Windows no memory file uses now. A view cannot be taken back from the engine, and each counts as a gigabyte of its external
 * memory, so windows are made once and mapped over again and again. In between they show private zeros.
 */
const freeWindows: Window[] = [];

/** The gigabyte of the file `fd` from `offset` on. Throws HostCallError. */
export function openWindow(fd: number, offset: number): Window {
  const old = freeWindows.shift();
  const address = hostMmap(
    old ? old.address : 0,
    CHUNK,
    PROT_READ_WRITE,
    MAP_SHARED_NORESERVE | (old ? MAP_FIXED : 0),
    fd,
    offset,
  );
  if (address < 0) {
    if (old) freeWindows.unshift(old);
    throw new HostCallError('mmap', -address);
  }
  return old ?? { address, bytes: new Uint8Array(viewOf(address, CHUNK)) };
}

export function closeWindow(window: Window): void {
  const r = hostMmap(
    window.address,
    CHUNK,
    PROT_READ_WRITE,
    MAP_PRIVATE_ANONYMOUS_NORESERVE | MAP_FIXED,
    -1,
    0,
  );
  if (r >= 0) freeWindows.push(window);
}
