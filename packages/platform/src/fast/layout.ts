/**
 * Where the pieces of the fast path lie in every guest. What a platform has besides lies above GUEST_END,
 * too.
 */

/**
 * Jump table of patched call sites, 8 bytes each. Its address makes the third byte of each jump's operand 06,
 * no instruction in 64-bit mode: a thread that comes into the middle of a patched site faults there instead
 * of running something else.
 */
export const TABLE_ADDRESS = 0x60000;
export const TABLE_BYTES = 0x10000;
export const MAX_SITES = TABLE_BYTES / 8;
/** Guests use addresses from here on. */
export const GUEST_START = TABLE_ADDRESS + TABLE_BYTES;
/** And below this. */
export const GUEST_END = 0x7ffffe000000;
/**
 * Pages shared between a guest thread and the driver.
 * @alias
 */
export const PAGES_ADDRESS = GUEST_END;
/** One piece of code per site. */
export const THUNK_ADDRESS = 0x7fffffe00000;
export const THUNK_BYTES = 96;
export const THUNKS_BYTES = MAX_SITES * THUNK_BYTES;
/** The page of the code thunks jump to. */
export const CODE_ADDRESS = 0x7fffffffc000;
export const CODE_BYTES = 0x1000;
