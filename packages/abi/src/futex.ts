/**
 * Futexes and robust lists.
 *
 * Mirrors linux/futex.h; man 2 futex, get_robust_list, man 7 futex.
 */

// Operations, flags and word bits. FUTEX_TID_MASK is the owner in a PI or robust futex.
export const FUTEX_WAIT = 0;
export const FUTEX_WAKE = 1;
export const FUTEX_FD = 2;
export const FUTEX_REQUEUE = 3;
export const FUTEX_CMP_REQUEUE = 4;
export const FUTEX_WAKE_OP = 5;
export const FUTEX_LOCK_PI = 6;
export const FUTEX_UNLOCK_PI = 7;
export const FUTEX_TRYLOCK_PI = 8;
export const FUTEX_WAIT_BITSET = 9;
export const FUTEX_WAKE_BITSET = 10;
export const FUTEX_WAIT_REQUEUE_PI = 11;
export const FUTEX_CMP_REQUEUE_PI = 12;
export const FUTEX_LOCK_PI2 = 13;
export const FUTEX_PRIVATE_FLAG = 128;
export const FUTEX_CLOCK_REALTIME = 256;
export const FUTEX_CMD_MASK = -385;
export const FUTEX_WAIT_PRIVATE = 0x80;
export const FUTEX_WAKE_PRIVATE = 0x81;
export const FUTEX_REQUEUE_PRIVATE = 0x83;
export const FUTEX_CMP_REQUEUE_PRIVATE = 0x84;
export const FUTEX_WAKE_OP_PRIVATE = 0x85;
export const FUTEX_LOCK_PI_PRIVATE = 0x86;
export const FUTEX_UNLOCK_PI_PRIVATE = 0x87;
export const FUTEX_TRYLOCK_PI_PRIVATE = 0x88;
export const FUTEX_WAIT_BITSET_PRIVATE = 0x89;
export const FUTEX_WAKE_BITSET_PRIVATE = 0x8a;
export const FUTEX_WAIT_REQUEUE_PI_PRIVATE = 0x8b;
export const FUTEX_CMP_REQUEUE_PI_PRIVATE = 0x8c;
export const FUTEX_WAITV_MAX = 128;
export const FUTEX_WAITERS = 0x80000000;
export const FUTEX_OWNER_DIED = 0x40000000;
export const FUTEX_TID_MASK = 0x3fffffff;
export const FUTEX_BITSET_MATCH_ANY = 0xffffffff;

// futex_waitv and the futex2 calls.
export const FUTEX2_SIZE_U8 = 0x0;
export const FUTEX2_SIZE_U16 = 0x1;
export const FUTEX2_SIZE_U32 = 0x2;
export const FUTEX2_SIZE_U64 = 0x3;
export const FUTEX2_NUMA = 0x4;
export const FUTEX2_PRIVATE = FUTEX_PRIVATE_FLAG;
export const FUTEX2_SIZE_MASK = 0x3;

// FUTEX_WAKE_OP operations and comparisons.
export const FUTEX_OP_SET = 0;
export const FUTEX_OP_ADD = 1;
export const FUTEX_OP_OR = 2;
export const FUTEX_OP_ANDN = 3;
export const FUTEX_OP_XOR = 4;
export const FUTEX_OP_OPARG_SHIFT = 8;
export const FUTEX_OP_CMP_EQ = 0;
export const FUTEX_OP_CMP_NE = 1;
export const FUTEX_OP_CMP_LT = 2;
export const FUTEX_OP_CMP_LE = 3;
export const FUTEX_OP_CMP_GT = 4;
export const FUTEX_OP_CMP_GE = 5;

// Entries walked at thread exit before giving up.
export const ROBUST_LIST_LIMIT = 2048;

/** `struct robust_list_head`. */
export const ROBUST_LIST_HEAD = {
  SIZE: 24,
  list: 0,
  futex_offset: 8,
  list_op_pending: 16,
} as const;

/** `struct futex_waitv`. One element of the array futex_waitv takes. */
export const FUTEX_WAITV_ENTRY = {
  SIZE: 24,
  val: 0,
  uaddr: 8,
  flags: 16,
} as const;
