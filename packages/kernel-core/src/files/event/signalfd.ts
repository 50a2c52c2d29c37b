import { EAGAIN, EFAULT, EINVAL, O_NONBLOCK, O_RDWR, POLLIN, SIGNALFD_SIGINFO as S } from '@sandbox/abi';
import { type Inode, type IoBuf, WaitQueue } from '@sandbox/vfs';
import { AnonFile } from '../../process/files/anon-file.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { SigInfo } from '../../process/signal/siginfo.js';
import {
  layoutOf,
  SIL_CHLD,
  SIL_FAULT,
  SIL_POLL,
  SIL_RT,
  SIL_SYS,
  SIL_TIMER,
} from '../../process/signal/siginfo-layout.js';
import { SigSet } from '../../process/signal/sigset.js';

const record = new Uint8Array(S.SIZE);
const view = new DataView(record.buffer);

/** AUDIT_ARCH_X86_64. */
const ARCH_X86_64 = 0xc000003e;

/**
 * Signals as something to read (signalfd(2)). The signals are those of whoever reads or polls, not of whoever
 * made it, as in Linux; so a descriptor in an epoll instance announces the signals of the thread that put it
 * there.
 */
export class SignalFile extends AnonFile {
  protected readonly kind = 'signalfd';
  readonly mask = new SigSet();
  /** For an entry that is made while nobody is asking (there is always somebody in a system call). */
  private readonly nobody = new WaitQueue();

  constructor(
    inode: Inode,
    private readonly kernel: KernelCore,
    flags: number,
  ) {
    super(inode, O_RDWR | (flags & O_NONBLOCK));
  }

  override get waitQueue(): WaitQueue {
    return this.kernel.current?.signals.queueChanged ?? this.nobody;
  }

  override poll(): number {
    const task = this.kernel.current;
    return task !== null && this.kernel.signals.hasPending(task, this.mask) ? POLLIN : 0;
  }

  /** As many records as there are signals and room. */
  override read(io: IoBuf): number {
    const task = this.kernel.current;
    let room = Math.floor(io.remaining / S.SIZE);
    if (room === 0) return -EINVAL;
    if (task === null) return -EAGAIN;
    let done = 0;
    while (room > 0) {
      const info = this.kernel.signals.dequeue(task, this.mask);
      if (info === null) break;
      fill(info);
      if (io.put(record, 0, S.SIZE) < S.SIZE) return done > 0 ? done : -EFAULT;
      done += S.SIZE;
      room--;
    }
    return done > 0 ? done : -EAGAIN;
  }

  override get fdinfo(): string {
    const { lo, hi } = this.mask;
    return `sigmask:\t${hi.toString(16).padStart(8, '0')}${lo.toString(16).padStart(8, '0')}\n`;
  }
}

function setLong(at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 4294967296) >>> 0, true);
}

function setValue(info: SigInfo): void {
  view.setUint32(S.ssi_int, info.valueLo, true);
  view.setUint32(S.ssi_ptr, info.valueLo, true);
  view.setUint32(S.ssi_ptr + 4, info.valueHi, true);
}

/** Lay `info` out as struct signalfd_siginfo in `record`. */
function fill(info: SigInfo): void {
  record.fill(0);
  view.setUint32(S.ssi_signo, info.signo, true);
  view.setInt32(S.ssi_errno, info.errno, true);
  view.setInt32(S.ssi_code, info.code, true);
  switch (layoutOf(info.signo, info.code)) {
    case SIL_TIMER:
      view.setUint32(S.ssi_tid, info.timerId, true);
      view.setUint32(S.ssi_overrun, info.overrun, true);
      setValue(info);
      return;
    case SIL_POLL:
      view.setUint32(S.ssi_band, info.band, true);
      view.setInt32(S.ssi_fd, info.fd, true);
      return;
    case SIL_FAULT:
      setLong(S.ssi_addr, info.addr);
      return;
    case SIL_SYS:
      setLong(S.ssi_call_addr, info.addr);
      view.setInt32(S.ssi_syscall, info.syscall, true);
      view.setUint32(S.ssi_arch, ARCH_X86_64, true);
      return;
    case SIL_CHLD:
      setSender(info);
      view.setInt32(S.ssi_status, info.status, true);
      setLong(S.ssi_utime, info.utime);
      setLong(S.ssi_stime, info.stime);
      return;
    case SIL_RT:
      setSender(info);
      setValue(info);
      return;
    default:
      setSender(info);
  }
}

function setSender(info: SigInfo): void {
  view.setUint32(S.ssi_pid, info.pid, true);
  view.setUint32(S.ssi_uid, info.uid, true);
}
