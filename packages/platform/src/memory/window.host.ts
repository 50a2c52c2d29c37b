import { hostMmap, viewOf } from '@sandbox/native';
import { HostCallError } from '../errors.js';

export const PAGE = 4096;
export const CHUNK = 2 ** 30;
export const CHUNK_PAGES = CHUNK / PAGE;

const PROT_READ_WRITE = 3;
const MAP_SHARED_NORESERVE = 0x4001;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
const MAP_FIXED = 0x10;

/**
 * How much of a window its view shows. The engine counts a view's bytes as its external memory, and collects
 * garbage when that grows by much; most sandboxes need little of the first window.
 */
const VIEW_SIZES = [2 ** 24, 2 ** 27, CHUNK];

/** A gigabyte of this process's address space with a view on its beginning. */
export class Window {
  /** Taken anew where it is used: `cover` makes it longer. Older, shorter views stay true. */
  bytes: Uint8Array;

  constructor(readonly address: number) {
    this.bytes = new Uint8Array(viewOf(address, VIEW_SIZES[0]));
  }

  /** The first `end` bytes are going to be used: the view shows at least those. */
  cover(end: number): void {
    if (end <= this.bytes.length) return;
    const size = VIEW_SIZES.find((bytes) => bytes >= end) ?? CHUNK;
    this.bytes = new Uint8Array(viewOf(this.address, size));
  }
}

/**
 * Windows no memory file uses now. A view cannot be taken back from the engine, so windows are made once and
 * mapped over again and again. In between they show private zeros.
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
  return old ?? new Window(address);
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
