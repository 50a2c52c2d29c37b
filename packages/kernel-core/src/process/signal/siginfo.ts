import { SI_USER } from '@sandbox/abi';

/** Who is told when a queued signal is taken: POSIX timers count overruns and go on (timer_create(2)). */
export interface SignalSource {
  /**
   * `info` left the queue, to be handed to a program or because the queue was flushed (`delivered` false).
   */
  dequeued(info: SigInfo, delivered: boolean): void;
}

/** What is known of one occurrence of a signal (siginfo_t), laid out only when a guest asks. */
export interface SigInfo {
  signo: number;
  /** SI_USER, SI_QUEUE, CLD_EXITED, SEGV_MAPERR... */
  code: number;
  errno: number;
  pid: number;
  uid: number;
  /** sigval as two words. */
  valueLo: number;
  valueHi: number;
  /** SIGCHLD: exit status or signal. */
  status: number;
  /** SIGCHLD: CPU time in clock ticks. */
  utime: number;
  stime: number;
  /** Faults: si_addr; trap number for the frame's context. */
  addr: number;
  /** How much memory is broken, as a power of two (BUS_MCEERR_*). */
  addrLsb: number;
  trapno: number;
  errorCode: number;
  /** SIGIO: band and fd; timers: timer id and overrun. */
  band: number;
  fd: number;
  timerId: number;
  overrun: number;
  /** SIGSYS: si_syscall (si_addr is the call's address; si_arch is always x86-64). */
  syscall: number;
  /** It lies in a pending queue now. */
  queued: boolean;
  /** User whose RLIMIT_SIGPENDING it counts against while queued, -1 when it counts against none. */
  account: number;
  source: SignalSource | null;
  /** The report of an ended child under another number than SIGCHLD (clone(2)): it has SIGCHLD's fields. */
  child: boolean;
  /**
   * The payload of rt_sigqueueinfo(2), passed on as the sender wrote it: bytes 16..47; null when the fields
   * above say all.
   */
  raw: Uint8Array | null;
}

/** A siginfo with everything else zero. */
export function siginfo(signo: number, code: number): SigInfo {
  return {
    signo,
    code,
    errno: 0,
    pid: 0,
    uid: 0,
    valueLo: 0,
    valueHi: 0,
    status: 0,
    utime: 0,
    stime: 0,
    addr: 0,
    addrLsb: 0,
    trapno: 0,
    errorCode: 0,
    band: 0,
    fd: 0,
    timerId: 0,
    overrun: 0,
    syscall: 0,
    queued: false,
    account: -1,
    source: null,
    child: false,
    raw: null,
  };
}

/** From kill(2) and the like: a process with its pid and real uid. */
export function userSiginfo(signo: number, pid: number, uid: number, code: number = SI_USER): SigInfo {
  const info = siginfo(signo, code);
  info.pid = pid;
  info.uid = uid;
  return info;
}
