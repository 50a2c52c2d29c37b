/** Small programs of our own, as files that can be executed. */
import { SYS_write } from '@sandbox/abi';
import { allocatePages, hostSyscall, viewOf } from './ffi.host.js';
import { hostMemfdCreate } from './memory.host.js';

const LOAD_ADDRESS = 0x400000;
const HEADER = 0x1000;
const MFD_CLOEXEC = 1;
const MFD_EXEC = 0x10;

/**
 * An ET_EXEC around position-independent code that begins with its first byte: one PT_LOAD (R X), a stack
 * that is not executable (elf(5)).
 */
export function elfProgram(code: Uint8Array, address: number = LOAD_ADDRESS): Uint8Array {
  const image = new Uint8Array(HEADER + code.length);
  const view = new DataView(image.buffer);
  const word = (at: number, value: number): void => {
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 4294967296), true);
  };
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  word(24, address);
  word(32, 64);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 2, true);
  const load = 64;
  view.setUint32(load, 1, true);
  view.setUint32(load + 4, 5, true);
  word(load + 8, HEADER);
  word(load + 16, address);
  word(load + 24, address);
  word(load + 32, code.length);
  word(load + 40, code.length);
  word(load + 48, 0x1000);
  const stack = load + 56;
  view.setUint32(stack, 0x6474e551, true);
  view.setUint32(stack + 4, 6, true);
  image.set(code, HEADER);
  return image;
}

/** An anonymous file to execute by its descriptor, which is close-on-exec; or -errno. */
export function hostExecutable(name: string, image: Uint8Array): number {
  let fd = hostMemfdCreate(name, MFD_CLOEXEC | MFD_EXEC);
  // Before Linux 6.3 the flag is not known, and every such file is executable.
  if (fd < 0) fd = hostMemfdCreate(name, MFD_CLOEXEC);
  if (fd < 0) return fd;
  const at = allocatePages(image.length);
  new Uint8Array(viewOf(at, image.length)).set(image);
  const r = hostSyscall(SYS_write, fd, at, image.length);
  return r < 0 ? r : fd;
}
