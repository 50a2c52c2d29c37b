export {
  Assembler,
  type Condition,
  type Mem,
  mem,
  memAbsolute,
  memIndexed,
  memLabel,
  memSegment,
  type Reg,
  type Reg32,
  type Reg64,
} from './asm/assembler.js';
export * from './host/clock.host.js';
export { elfProgram, hostExecutable } from './host/executable.host.js';
export {
  allocatePages,
  callable,
  codePage,
  hostSyscall,
  hostSyscall3,
  libcFunction,
  libcFunctionAddress,
  type NativeFunction,
  viewOf,
} from './host/ffi.host.js';
export * from './host/fs.host.js';
export * from './host/memory.host.js';
export {
  hostOpenPty,
  hostSetTerminalSize,
  hostTakeTerminal,
  hostTerminalSize,
} from './host/pty.host.js';
export { hostRandom } from './host/random.host.js';
export { cString, scratchAddress, scratchBytes, scratchU32, scratchView } from './host/scratch.host.js';
export { onThreadExit } from './host/thread.host.js';
export {
  hostDuplicate,
  hostReceiveDescriptors,
  hostReplaceDescriptor,
  hostSendDescriptors,
} from './host/unix-socket.host.js';
