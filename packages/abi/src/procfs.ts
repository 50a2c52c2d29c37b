/**
 * What core dumps say of processes and threads.
 *
 * Mirrors sys/procfs.h (linux/elfcore.h); man 5 core.
 */

/** `struct elf_prstatus`: the note NT_PRSTATUS. */
export const ELF_PRSTATUS = {
  pr_info: 0,
  pr_cursig: 12,
  pr_sigpend: 16,
  pr_sighold: 24,
  pr_pid: 32,
  pr_ppid: 36,
  pr_pgrp: 40,
  pr_sid: 44,
  pr_utime: 48,
  pr_stime: 64,
  pr_cutime: 80,
  pr_cstime: 96,
  pr_reg: 112,
  pr_fpvalid: 328,
  SIZE: 336,
} as const;

/** `struct elf_prpsinfo`: the note NT_PRPSINFO. */
export const ELF_PRPSINFO = {
  pr_state: 0,
  pr_sname: 1,
  pr_zomb: 2,
  pr_nice: 3,
  pr_flag: 8,
  pr_uid: 16,
  pr_gid: 20,
  pr_pid: 24,
  pr_ppid: 28,
  pr_pgrp: 32,
  pr_sid: 36,
  pr_fname: 40,
  pr_psargs: 56,
  SIZE: 136,
} as const;

/** Bytes of `pr_psargs` (ELF_PRARGSZ). */
export const ELF_PRARGSZ = 80;
