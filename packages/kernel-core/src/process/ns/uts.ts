/**
 * What uname(2) and /proc/version tell of this kernel. The release is the Linux whose behaviour is followed.
 */
export const UTS_SYSNAME = 'Linux';
export const UTS_RELEASE = '6.12.0';
export const UTS_VERSION = '#1 SMP PREEMPT_DYNAMIC';
export const UTS_MACHINE = 'x86_64';
