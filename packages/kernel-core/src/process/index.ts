/** What the other packages use of this layer. */
export { cpuUsage } from './cgroup/cpu.js';
export { setFreeze } from './cgroup/freezer.js';
export { Cred } from './cred/cred.js';
export { FdTable } from './files/fd-table.js';
export { ContainerCore } from './kernel/container-core.js';
export {
  KernelCore,
  type KernelLimits,
  type KernelReporter,
  type SyscallTracer,
} from './kernel/kernel-core.js';
export { mountEnvironment } from './kernel/mount-environment.js';
export { PidTable } from './kernel/pid-table.js';
export type { ProcessWatcher } from './kernel/process-watcher.js';
export { isElf, parseElf } from './loader/elf.js';
export { MAX_DEPTH } from './loader/exec.js';
export { readerOf, readHead } from './loader/open-exec.js';
export { isScript, parseScript } from './loader/script.js';
export { spawnProcess } from './loader/spawn.js';
export { codeAccess } from './memory/code-access.js';
export { Faults } from './memory/faults.js';
export { checkMemory, measure } from './memory/oom.js';
export {
  CgroupNamespace,
  IpcNamespace,
  NetNamespace,
  type NsSet,
  TimeNamespace,
  UtsNamespace,
} from './ns/namespaces.js';
export type {
  LinkFacts,
  Network,
  NetworkMaker,
  NetworkProvider,
  NetworkSettings,
  ProcNetNames,
} from './ns/network-loader.js';
export { namespaceOf } from './ns/nsfs.js';
export type { SocketFamily } from './ns/socket-family.js';
export { IdMap, type IdRange, INITIAL_USER_NS, UserNamespace } from './ns/user-ns.js';
export { parseSeccomp } from './seccomp/data.js';
export { SeccompFilter } from './seccomp/filter.js';
export { type SigInfo, siginfo } from './signal/siginfo.js';
export { SharedSignals, SigHandlers } from './signal/signal-state.js';
export { Signals } from './signal/signals.js';
export { withdrawAllAnswers } from './task/answers.js';
export { processSystemTime, processUserTime, taskSystemTime, taskUserTime } from './task/cputime.js';
export { RCHAR, SYSCR, SYSCW, WCHAR } from './task/io-accounting.js';
export { currentCpu } from './task/sched.js';
export { ProcessGroup, Session } from './task/session.js';
export { Task } from './task/task.js';
export { TASK_ZOMBIE } from './task/task-state.js';
export { ThreadGroup } from './task/thread-group.js';
