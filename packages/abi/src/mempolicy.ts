/**
 * NUMA memory policy.
 *
 * Mirrors linux/mempolicy.h; man 2 mbind, set_mempolicy, get_mempolicy, move_pages.
 */

// Modes and flags.
export const MPOL_F_STATIC_NODES = 0x8000;
export const MPOL_F_RELATIVE_NODES = 0x4000;
export const MPOL_F_NUMA_BALANCING = 0x2000;
export const MPOL_MODE_FLAGS = 0xe000;
export const MPOL_F_NODE = 0x1;
export const MPOL_F_ADDR = 0x2;
export const MPOL_F_MEMS_ALLOWED = 0x4;
export const MPOL_MF_STRICT = 0x1;
export const MPOL_MF_MOVE = 0x2;
export const MPOL_MF_MOVE_ALL = 0x4;
export const MPOL_MF_LAZY = 0x8;
export const MPOL_MF_INTERNAL = 0x10;
export const MPOL_MF_VALID = 7;
export const MPOL_F_SHARED = 0x1;
export const MPOL_F_MOF = 0x8;
export const MPOL_F_MORON = 0x10;
export const MPOL_DEFAULT = 0;
export const MPOL_PREFERRED = 1;
export const MPOL_BIND = 2;
export const MPOL_INTERLEAVE = 3;
export const MPOL_LOCAL = 4;
export const MPOL_PREFERRED_MANY = 5;
export const MPOL_WEIGHTED_INTERLEAVE = 6;
export const MPOL_MAX = 7;
