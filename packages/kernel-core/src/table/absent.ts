/** Linux itself answers ENOSYS to these on x86-64: they were removed, or never came to be. */
const NEVER = 'Linux answers ENOSYS too';
const MODULES = 'the kernel is a library: nothing can be loaded into it';

/** Why a call has no row, by its name. It answers ENOSYS. */
export const ABSENT: Readonly<Record<string, string>> = {
  _sysctl: NEVER,
  create_module: NEVER,
  get_kernel_syms: NEVER,
  query_module: NEVER,
  nfsservctl: NEVER,
  getpmsg: NEVER,
  putpmsg: NEVER,
  afs_syscall: NEVER,
  tuxcall: NEVER,
  security: NEVER,
  set_thread_area: NEVER,
  get_thread_area: NEVER,
  lookup_dcookie: NEVER,
  epoll_ctl_old: NEVER,
  epoll_wait_old: NEVER,
  vserver: NEVER,
  uselib: NEVER,
  init_module: MODULES,
  finit_module: MODULES,
  delete_module: MODULES,
  kexec_load: MODULES,
  kexec_file_load: MODULES,
  bpf: MODULES,
  iopl: 'guests have no I/O ports',
  ioperm: 'guests have no I/O ports',
  modify_ldt: 'segments of 16 and 32 bits are not part of a 64-bit guest',
  map_shadow_stack: 'shadow stacks are not given to guests',
  uretprobe: 'there are no probes',
  acct: 'process accounting is not kept, as by a kernel built without it',
  swapon: 'memory is not swapped out by this kernel',
  swapoff: 'memory is not swapped out by this kernel',
  perf_event_open: "the processor's counters are the host's",
};
