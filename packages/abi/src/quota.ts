/** quotactl(2): linux/quota.h. */

export const USRQUOTA = 0;
export const GRPQUOTA = 1;
/** Kinds of quotas there are, with project quotas. */
export const MAXQUOTAS = 3;

export const Q_SYNC = 0x800001;
export const Q_QUOTAON = 0x800002;
export const Q_QUOTAOFF = 0x800003;
export const Q_GETFMT = 0x800004;
export const Q_GETINFO = 0x800005;
export const Q_SETINFO = 0x800006;
export const Q_GETQUOTA = 0x800007;
export const Q_SETQUOTA = 0x800008;
export const Q_GETNEXTQUOTA = 0x800009;

/** The format of quotas that live in memory only. */
export const QFMT_SHMEM = 5;
/** Limits of space are told in blocks of this many bytes. */
export const QIF_DQBLKSIZE = 1024;

/** Fields of `struct if_dqblk` that count (`dqb_valid`). */
export const QIF_BLIMITS = 1;
export const QIF_SPACE = 2;
export const QIF_ILIMITS = 4;
export const QIF_INODES = 8;
export const QIF_BTIME = 16;
export const QIF_ITIME = 32;
export const QIF_ALL = 63;

/** Fields of `struct if_dqinfo` that count (`dqi_valid`). */
export const IIF_BGRACE = 1;
export const IIF_IGRACE = 2;
export const IIF_FLAGS = 4;
export const IIF_ALL = 7;
/** The file system keeps its quotas itself (`dqi_flags`). */
export const DQF_SYS_FILE = 0x10000;

/** `struct if_nextdqblk`; `struct if_dqblk` is as long, without the id. */
export const IF_DQBLK = {
  SIZE: 72,
  dqb_bhardlimit: 0,
  dqb_bsoftlimit: 8,
  dqb_curspace: 16,
  dqb_ihardlimit: 24,
  dqb_isoftlimit: 32,
  dqb_curinodes: 40,
  dqb_btime: 48,
  dqb_itime: 56,
  dqb_valid: 64,
  dqb_id: 68,
} as const;

/** `struct if_dqinfo`. */
export const IF_DQINFO = { SIZE: 24, dqi_bgrace: 0, dqi_igrace: 8, dqi_flags: 16, dqi_valid: 20 } as const;
