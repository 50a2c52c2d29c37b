/**
 * The page a guest thread and the driver share, by byte offset. The guest can write it: every word is read
 * once and checked, and nothing in it can do more than make the guest's own call something else.
 */
import { PAGE_AWAKE, PAGE_CALL, PAGE_STATE } from '../driver/page-poller.host.js';

/**
 * 0: the guest runs; CALL: it published a call; CALL | PARKED: and stopped to wait for the answer. The driver
 * answers by 0 (go on with rax) or RESTORE (load every register from this page), or asks by SAVE_FPU.
 */
export const STATE = PAGE_STATE;
/**
 * The driver is looking (1) or asleep (0: do not spin, park at once). Written by the driver only, re-written
 * each time it looks.
 */
export const AWAKE = PAGE_AWAKE;
/**
 * Registers, in the order of `SAVED`. Those a call is made of, and its result, share the first cache line
 * with STATE and AWAKE: that line alone goes from one CPU to the other and back for a call, and each further
 * one would cost as much again. What only the guest's side uses lies behind it.
 */
export const REGS = 8;
/** How many times to look for an answer before parking. */
export const SPIN = 136;
/** This page's own address in the guest. */
export const SELF = 144;
/** Index of the site that published. */
export const SITE = 152;
/** The FS base, where user code can read and set it. */
export const FS_BASE = 160;
/** RESTORE: where to go. */
export const RIP = 168;
/** The processor features of FPU_AREA. */
export const FEATURES = 176;
/**
 * Answers the stub may give itself: by call number, 32 bits each, the result plus one, 0 for none. Up to
 * gettid's number.
 */
export const ANSWERS = 256;
export const ANSWERS_COUNT = 187;
/** Top of the few words of stack the stub uses; flags are pushed right below. */
export const STACK_TOP = 1024;
/** An XSAVE area in the standard format, to the end of the page. */
export const FPU_AREA = 1024;
export const FPU_AREA_BYTES = 4096 - FPU_AREA;

export const CALL = PAGE_CALL;
export const PARKED = 4;
/** The driver will not answer soon: park. */
export const PARK_NOW = 2;
/** Answered: all registers are to be loaded from the page; LOAD_FPU: the FPU's, too. */
export const RESTORE = 8;
export const LOAD_FPU = 16;
/** Save the FPU's registers to the page; CALL when that is done. */
export const SAVE_FPU = 32;

/** Registers saved at REGS, in order, with their index in `struct user_regs_struct`. */
export const SAVED = [
  ['rax', 10],
  ['rdi', 14],
  ['rsi', 13],
  ['rdx', 12],
  ['r10', 7],
  ['r8', 9],
  ['r9', 8],
  ['rcx', 11],
  ['rbx', 5],
  ['rbp', 4],
  ['rsp', 19],
  ['r11', 6],
  ['r12', 3],
  ['r13', 2],
  ['r14', 1],
  ['r15', 0],
] as const;

export function savedOffset(name: (typeof SAVED)[number][0]): number {
  return REGS + 8 * SAVED.findIndex(([n]) => n === name);
}
