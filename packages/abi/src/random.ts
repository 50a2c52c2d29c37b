/**
 * getrandom.
 *
 * Mirrors linux/random.h; man 2 getrandom. Ioctls of the random devices: ioctl.ts.
 */

// Flags.
export const GRND_NONBLOCK = 0x1;
export const GRND_RANDOM = 0x2;
export const GRND_INSECURE = 0x4;
