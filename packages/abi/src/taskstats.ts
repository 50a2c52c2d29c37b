/**
 * Statistics of tasks over generic netlink.
 *
 * Mirrors linux/taskstats.h, version 14; Documentation/accounting/taskstats.rst.
 */

export const TASKSTATS_VERSION = 14;
export const TASKSTATS_CMD_GET = 1;
export const TASKSTATS_CMD_NEW = 2;
export const TASKSTATS_TYPE_PID = 1;
export const TASKSTATS_TYPE_TGID = 2;
export const TASKSTATS_TYPE_STATS = 3;
export const TASKSTATS_TYPE_AGGR_PID = 4;
export const TASKSTATS_TYPE_AGGR_TGID = 5;
export const TASKSTATS_CMD_ATTR_PID = 1;
export const TASKSTATS_CMD_ATTR_TGID = 2;
export const TASKSTATS_CMD_ATTR_REGISTER_CPUMASK = 3;
export const TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK = 4;

/** `struct taskstats`: the members that are filled without delay accounting. */
export const TASKSTATS = {
  SIZE: 432,
  version: 0,
  ac_exitcode: 4,
  ac_flag: 8,
  ac_nice: 9,
  ac_comm: 80,
  ac_sched: 112,
  ac_uid: 120,
  ac_gid: 124,
  ac_pid: 128,
  ac_ppid: 132,
  ac_btime: 136,
  ac_etime: 144,
  ac_utime: 152,
  ac_stime: 160,
  ac_minflt: 168,
  ac_majflt: 176,
  hiwater_rss: 200,
  hiwater_vm: 208,
  read_char: 216,
  write_char: 224,
  read_syscalls: 232,
  write_syscalls: 240,
  nvcsw: 272,
  nivcsw: 280,
  ac_utimescaled: 288,
  ac_stimescaled: 296,
  ac_btime64: 344,
  ac_tgid: 368,
  ac_tgetime: 376,
  ac_exe_dev: 384,
  ac_exe_inode: 392,
} as const;

// Flags of `ac_flag` (linux/acct.h).
export const AFORK = 0x01;
export const ACORE = 0x08;
export const AXSIG = 0x10;
export const AGROUP = 0x20;
