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
  utime: number;
  stime: number;
  /** Faults: si_addr; trap number for the frame's context. */
  addr: number;
  trapno: number;
  errorCode: number;
  /** SIGIO: band and fd; timers: timer id and overrun. */
  band: number;
  fd: number;
  timerId: number;
  overrun: number;
}

export function siginfo(signo: number, code: number): SigInfo {
  return {
    signo, code, errno: 0, pid: 0, uid: 0, valueLo: 0, valueHi: 0, status: 0, utime: 0, stime: 0, addr: 0, trapno: 0, errorCode: 0, band: 0, fd: 0, timerId: 0, overrun: 0,
  };
}
