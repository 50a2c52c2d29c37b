/**
 * Restartable sequences.
 *
 * Mirrors linux/rseq.h and the C library's sys/rseq.h; kernel Documentation/userspace-api/rseq.rst.
 */

// cpu_id values and flags.
export const RSEQ_CPU_ID_UNINITIALIZED = -1;
export const RSEQ_CPU_ID_REGISTRATION_FAILED = -2;
export const RSEQ_FLAG_UNREGISTER = 0x1;
export const RSEQ_CS_FLAG_NO_RESTART_ON_PREEMPT_BIT = 0;
export const RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL_BIT = 1;
export const RSEQ_CS_FLAG_NO_RESTART_ON_MIGRATE_BIT = 2;
export const RSEQ_CS_FLAG_NO_RESTART_ON_PREEMPT = 0x1;
export const RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL = 0x2;
export const RSEQ_CS_FLAG_NO_RESTART_ON_MIGRATE = 0x4;

/**
 * `struct rseq`. Aligned to 32; the first version was 32 bytes and its used part 20. The auxiliary vector
 * announces more.
 */
export const RSEQ = {
  SIZE: 32,
  cpu_id_start: 0,
  cpu_id: 4,
  rseq_cs: 8,
  flags: 16,
  node_id: 20,
  mm_cid: 24,
  end: 28,
} as const;

/** `struct rseq_cs`. */
export const RSEQ_CS = {
  SIZE: 32,
  version: 0,
  flags: 4,
  start_ip: 8,
  post_commit_offset: 16,
  abort_ip: 24,
} as const;

// Signature the C library registers on x86-64.
export const RSEQ_SIG = 0x53053053;
