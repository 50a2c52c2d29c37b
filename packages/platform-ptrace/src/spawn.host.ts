/** Creating the first stub of a sandbox: posix_spawn of the stub image, seized before it can do anything. */
import {
  allocatePages,
  callable,
  hostExecutable,
  hostSyscall,
  libcFunctionAddress,
  viewOf,
} from '@sandbox/native';
import { HostCallError } from '@sandbox/platform';
import {
  MEMORY_FD,
  PTRACE_INTERRUPT,
  PTRACE_SEIZE,
  SHARED_FD,
  SIGKILL,
  STUB_OPTIONS,
  WALL,
} from './layout.js';
import { stubElf } from './stub.js';
import { wait4 } from './wait.host.js';

const SYS_kill = 62;
const SYS_ptrace = 101;
const POSIX_SPAWN_SETPGROUP = 2;

const memory = allocatePages(8192);
const bytes = new Uint8Array(viewOf(memory, 8192));
const words = new Int32Array(bytes.buffer);
const PID = 0;
const ARGV = 16;
const PATH = 64;
const ATTR = 512;
const ACTIONS = 1024;

let stubFd = -1;

/** The spawn functions of the C library, bound on first use. */
function bind() {
  const f = (name: string, arity: number) => callable(libcFunctionAddress(name), arity);
  return {
    attrInit: f('posix_spawnattr_init', 1),
    attrSetFlags: f('posix_spawnattr_setflags', 2),
    attrSetGroup: f('posix_spawnattr_setpgroup', 2),
    attrDestroy: f('posix_spawnattr_destroy', 1),
    actionsInit: f('posix_spawn_file_actions_init', 1),
    actionsDup2: f('posix_spawn_file_actions_adddup2', 3),
    actionsDestroy: f('posix_spawn_file_actions_destroy', 1),
    spawn: f('posix_spawn', 6),
  };
}
let bound: ReturnType<typeof bind> | null = null;

/** The executable stub image as an anonymous file, made once. */
function stubImage(): number {
  if (stubFd >= 0) return stubFd;
  const fd = hostExecutable('guest-stub', stubElf());
  if (fd < 0) throw new HostCallError('memfd_create', -fd);
  stubFd = fd;
  return fd;
}

function string(at: number, s: string): number {
  for (let i = 0; i < s.length; i++) bytes[at + i] = s.charCodeAt(i);
  bytes[at + s.length] = 0;
  return memory + at;
}

function pointer(at: number, value: number): void {
  words[at / 4] = value | 0;
  words[at / 4 + 1] = Math.floor(value / 4294967296);
}

/**
 * Start a stub in process group `pgid` (0: a new group of its own) with the memory file as its descriptor 0
 * and, where there are any, the shared pages as 1, and seize it. Returns its pid; it is stopped. Throws
 * HostCallError.
 */
export function spawnStub(memoryFd: number, sharedFd: number, pgid: number): number {
  bound ??= bind();
  const fd = stubImage();
  bound.attrInit(memory + ATTR);
  bound.attrSetFlags(memory + ATTR, POSIX_SPAWN_SETPGROUP);
  bound.attrSetGroup(memory + ATTR, pgid);
  bound.actionsInit(memory + ACTIONS);
  bound.actionsDup2(memory + ACTIONS, memoryFd, MEMORY_FD);
  if (sharedFd >= 0) bound.actionsDup2(memory + ACTIONS, sharedFd, SHARED_FD);
  const path = string(PATH, `/proc/self/fd/${fd}`);
  pointer(ARGV, string(PATH + 64, 'guest'));
  pointer(ARGV + 8, 0);
  const r = bound.spawn(
    memory + PID,
    path,
    memory + ACTIONS,
    memory + ATTR,
    memory + ARGV,
    memory + ARGV + 8,
  );
  bound.actionsDestroy(memory + ACTIONS);
  bound.attrDestroy(memory + ATTR);
  if (r !== 0) throw new HostCallError('posix_spawn', r);
  const pid = words[PID / 4];
  seize(pid);
  return pid;
}

function seize(pid: number): void {
  let r = hostSyscall(SYS_ptrace, PTRACE_SEIZE, pid, 0, STUB_OPTIONS);
  let call = 'ptrace(SEIZE)';
  if (r >= 0) {
    r = hostSyscall(SYS_ptrace, PTRACE_INTERRUPT, pid, 0, 0);
    call = 'ptrace(INTERRUPT)';
  }
  if (r >= 0) {
    do r = wait4(pid, WALL);
    while (r === -4);
    call = 'wait4';
  }
  if (r < 0) {
    hostSyscall(SYS_kill, pid, SIGKILL);
    wait4(pid, WALL);
    throw new HostCallError(call, -r);
  }
}
