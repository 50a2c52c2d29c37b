/**
 * Pages and the shape of the user address space (four-level paging).
 *
 * Mirrors the kernel's arch/x86/include/asm/page_types.h, page_64_types.h, asm/vsyscall.h and
 * Documentation/arch/x86/x86_64/mm.rst.
 */

// Pages. Addresses exceed the 32 bits of a bit operator: PAGE_MASK fits lengths below 2^31 only; round an
// address down with addr - (addr % PAGE_SIZE).
export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;
export const PAGE_MASK = -4096;
export const PAGE_OFFSET_MASK = 4095;
export const PMD_SHIFT = 21;
export const PMD_SIZE = 0x200000;
export const PUD_SHIFT = 30;
export const PUD_SIZE = 0x40000000;

// User addresses end before TASK_SIZE_MAX: one guard page below 2^47.
export const TASK_SIZE_MAX = 0x7ffffffff000;
export const STACK_TOP_MAX = TASK_SIZE_MAX;
export const DEFAULT_MMAP_MIN_ADDR = 65536;
export const ELF_ET_DYN_BASE = 0x555555554aaa;

// The legacy vsyscall page.
export const VSYSCALL_ADDR = { lo: 0xff600000, hi: 0xffffffff } as const;
