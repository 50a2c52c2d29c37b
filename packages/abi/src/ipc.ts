/**
 * System V shared memory, semaphores and message queues.
 *
 * Mirrors linux/ipc.h, linux/shm.h, linux/sem.h, linux/msg.h; man 7 sysvipc, man 2 shmget, semop, msgctl.
 * The MSG_* names here do not overlap those of socket.ts.
 */

// All three kinds. IPC_64 is always set on x86-64.
export const IPC_PRIVATE = 0;
export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;
export const IPC_NOWAIT = 0o4000;
export const IPC_DIPC = 0o10000;
export const IPC_OWN = 0o20000;
export const IPC_RMID = 0;
export const IPC_SET = 1;
export const IPC_STAT = 2;
export const IPC_INFO = 3;
export const IPC_OLD = 0;
export const IPC_64 = 0x100;

// Shared memory.
export const SHM_R = 0o400;
export const SHM_W = 0o200;
export const SHM_HUGETLB = 0o4000;
export const SHM_NORESERVE = 0o10000;
export const SHM_HUGE_SHIFT = 26;
export const SHM_HUGE_MASK = 0x3f;
export const SHM_HUGE_64KB = 0x40000000;
export const SHM_HUGE_512KB = 0x4c000000;
export const SHM_HUGE_1MB = 0x50000000;
export const SHM_HUGE_2MB = 0x54000000;
export const SHM_HUGE_8MB = 0x5c000000;
export const SHM_HUGE_16MB = 0x60000000;
export const SHM_HUGE_32MB = 0x64000000;
export const SHM_HUGE_256MB = 0x70000000;
export const SHM_HUGE_512MB = 0x74000000;
export const SHM_HUGE_1GB = 0x78000000;
export const SHM_HUGE_2GB = 0x7c000000;
export const SHM_HUGE_16GB = 0x88000000;
export const SHM_RDONLY = 0o10000;
export const SHM_RND = 0o20000;
export const SHM_REMAP = 0o40000;
export const SHM_EXEC = 0o100000;
export const SHM_LOCK = 11;
export const SHM_UNLOCK = 12;
export const SHM_STAT = 13;
export const SHM_INFO = 14;
export const SHM_STAT_ANY = 15;
export const SHMMIN = 1;
export const SHMMNI = 4096;
export const SHMSEG = SHMMNI;
export const SHMMAX = { lo: 0xfeffffff, hi: 0xffffffff } as const;
export const SHMALL = { lo: 0xfeffffff, hi: 0xffffffff } as const;

// Semaphores.
export const SEM_VALUE_MAX = 0x7fffffff;
export const SEM_UNDO = 0x1000;
export const SEM_STAT = 18;
export const SEM_INFO = 19;
export const SEM_STAT_ANY = 20;
export const SEMOP = 1;
export const SEMGET = 2;
export const SEMCTL = 3;
export const SEMTIMEDOP = 4;
export const SEMMNI = 32000;
export const SEMMSL = 32000;
export const SEMMNS = 0x3d090000;
export const SEMOPM = 500;
export const SEMVMX = 32767;
export const SEMAEM = SEMVMX;
export const SEMUME = SEMOPM;
export const SEMMNU = SEMMNS;
export const SEMMAP = SEMMNS;
export const SEMUSZ = 20;
export const GETPID = 11;
export const GETVAL = 12;
export const GETALL = 13;
export const GETNCNT = 14;
export const GETZCNT = 15;
export const SETVAL = 16;
export const SETALL = 17;

// Message queues.
export const MSG_STAT = 11;
export const MSG_INFO = 12;
export const MSG_STAT_ANY = 13;
export const MSG_NOERROR = 0o10000;
export const MSG_EXCEPT = 0o20000;
export const MSG_COPY = 0o40000;
export const MSGMNI = 32000;
export const MSGMAX = 8192;
export const MSGMNB = 16384;

/** `struct ipc64_perm`. */
export const IPC64_PERM = {
  SIZE: 48,
  key: 0,
  uid: 4,
  gid: 8,
  cuid: 12,
  cgid: 16,
  mode: 20,
  seq: 24,
} as const;

/** `struct shmid64_ds`. */
export const SHMID64_DS = {
  SIZE: 112,
  shm_perm: 0,
  shm_segsz: 48,
  shm_atime: 56,
  shm_dtime: 64,
  shm_ctime: 72,
  shm_cpid: 80,
  shm_lpid: 84,
  shm_nattch: 88,
} as const;

/** `struct shminfo64`. */
export const SHMINFO64 = {
  SIZE: 72,
  shmmax: 0,
  shmmin: 8,
  shmmni: 16,
  shmseg: 24,
  shmall: 32,
} as const;

/** `struct shm_info`. Named so because SHM_INFO is the shmctl command. */
export const SHM_INFO_STRUCT = {
  SIZE: 48,
  used_ids: 0,
  shm_tot: 8,
  shm_rss: 16,
  shm_swp: 24,
  swap_attempts: 32,
  swap_successes: 40,
} as const;

/** `struct semid64_ds`. */
export const SEMID64_DS = {
  SIZE: 104,
  sem_perm: 0,
  sem_otime: 48,
  sem_ctime: 64,
  sem_nsems: 80,
} as const;

/** `struct sembuf`. */
export const SEMBUF = {
  SIZE: 6,
  sem_num: 0,
  sem_op: 2,
  sem_flg: 4,
} as const;

/** `struct seminfo`. */
export const SEMINFO = {
  SIZE: 40,
  semmap: 0,
  semmni: 4,
  semmns: 8,
  semmnu: 12,
  semmsl: 16,
  semopm: 20,
  semume: 24,
  semusz: 28,
  semvmx: 32,
  semaem: 36,
} as const;

/** `struct msqid64_ds`. */
export const MSQID64_DS = {
  SIZE: 120,
  msg_perm: 0,
  msg_stime: 48,
  msg_rtime: 56,
  msg_ctime: 64,
  msg_cbytes: 72,
  msg_qnum: 80,
  msg_qbytes: 88,
  msg_lspid: 96,
  msg_lrpid: 100,
} as const;

/** `struct msgbuf`. The text has the length the call gives. */
export const MSGBUF = {
  mtype: 0,
  mtext: 8,
} as const;

/** `struct msginfo`. */
export const MSGINFO = {
  SIZE: 32,
  msgpool: 0,
  msgmap: 4,
  msgmax: 8,
  msgmnb: 12,
  msgmni: 16,
  msgssz: 20,
  msgtql: 24,
  msgseg: 28,
} as const;

// Alignment of attach addresses; SHM_RND rounds down to it.
export const SHMLBA = 4096;
