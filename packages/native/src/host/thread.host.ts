import { allocatePages, callable, libcFunctionAddress, viewOf } from './ffi.host.js';

/**
 * Have the machine code at `code` called with `argument` (System V calling convention) on this thread when it
 * ends. A worker thread can be ended at any moment, and runs no JavaScript then. Not called when the whole
 * process exits. See pthread_key_create(3).
 */
export function onThreadExit(code: number, argument: number): void {
  const create = callable(libcFunctionAddress('pthread_key_create'), 2);
  const setSpecific = callable(libcFunctionAddress('pthread_setspecific'), 2);
  const key = allocatePages(4);
  const failed = create(key, code) & 0xffffffff;
  if (failed !== 0) throw new Error(`pthread_key_create: errno ${failed}`);
  setSpecific(new Uint32Array(viewOf(key, 4))[0], argument);
}
