import {
  EFAULT,
  EINVAL,
  O_ACCMODE,
  O_CLOEXEC,
  O_NOCTTY,
  O_NONBLOCK,
  O_PATH,
  RLIMIT_NOFILE,
  SIGINT,
  SIGQUIT,
  SIGTSTP,
  TIOCGPKT,
  TIOCGPTLCK,
  TIOCGPTN,
  TIOCGPTPEER,
  TIOCPKT,
  TIOCSIG,
  TIOCSPTLCK,
} from '@sandbox/abi';
import { File, type Inode, type IoBuf, type IoctlCaller, releaseFile, type WaitQueue } from '@sandbox/vfs';
import type { Task } from '../../process/task/task.js';
import { copyOutInt } from '../pipe/pipe-file.js';
import { type TtySide, ttyIoctl } from './ioctl.js';
import type { PtyMaster } from './pty-master.js';
import type { Tty } from './tty.js';
import { touch } from './tty-file.js';

const word = new Uint8Array(4);
const wordView = new DataView(word.buffer);
/** TIOCGPTPEER opens with these flags only. */
const PEER_FLAGS = O_ACCMODE | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;

/** An open /dev/ptmx: the master side of a pseudo-terminal (ptmx(4)). */
export class PtyMasterFile extends File implements TtySide {
  constructor(
    inode: Inode,
    flags: number,
    readonly master: PtyMaster,
  ) {
    super(inode, flags);
  }

  get tty(): Tty {
    return this.master.tty;
  }
  override get waitQueue(): WaitQueue {
    return this.master.queue;
  }
  override read(io: IoBuf): number {
    const n = this.master.read(io);
    if (n > 0) touch(this.inode, true);
    return n;
  }
  override write(io: IoBuf): number {
    const n = this.master.write(io);
    if (n > 0) touch(this.inode, false);
    return n;
  }
  override poll(): number {
    return this.master.poll();
  }
  override release(): void {
    this.master.close();
  }
  override get fdinfo(): string {
    return `tty-index:\t${this.tty.index}\n`;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    const { master } = this;
    switch (cmd) {
      case TIOCGPTN:
        return copyOutInt(caller, arg, this.tty.index);
      case TIOCSPTLCK:
        if (caller.memory.copyIn(arg, word, 0, 4) < 0) return -EFAULT;
        master.locked = wordView.getInt32(0, true) !== 0;
        return 0;
      case TIOCGPTLCK:
        return copyOutInt(caller, arg, master.locked ? 1 : 0);
      case TIOCPKT:
        if (caller.memory.copyIn(arg, word, 0, 4) < 0) return -EFAULT;
        master.setPacket(wordView.getInt32(0, true) !== 0);
        return 0;
      case TIOCGPKT:
        return copyOutInt(caller, arg, master.packet ? 1 : 0);
      case TIOCGPTPEER:
        return this.openPeer(arg, caller);
      case TIOCSIG:
        if (arg !== SIGINT && arg !== SIGQUIT && arg !== SIGTSTP) return -EINVAL;
        this.tty.signalForeground(arg);
        return 0;
      default:
        return ttyIoctl(this, cmd, arg, caller);
    }
  }

  /** TIOCGPTPEER: a descriptor of the slave, whatever is mounted where. */
  private openPeer(flags: number, caller: IoctlCaller): number {
    const task = caller.task as Task | null;
    if (task === null || (flags & ~PEER_FLAGS) !== 0 || (flags & O_PATH) !== 0) return -EINVAL;
    const { tty } = this;
    const file = tty.devpts.ttys.openPeer(tty, flags, task.fs, task.cred);
    if (typeof file === 'number') return file;
    const fd = task.files.install(file, (flags & O_CLOEXEC) !== 0, task.group.limits.soft[RLIMIT_NOFILE]!);
    if (fd < 0) releaseFile(file);
    return fd;
  }

  // TtySide: requests about this side's own buffers.

  readonly isSlave = false;
  get exclusiveHolder(): PtyMaster {
    return this.master;
  }
  get inputCount(): number {
    return this.master.output.length;
  }
  flushInput(): void {
    this.master.output.clear();
    this.tty.outputTaken();
  }
  flushOutput(): void {
    this.tty.discardPending();
  }
  stop(on: boolean): void {
    this.master.stop(on);
  }
  sendUrgent(c: number): void {
    word[0] = c;
    this.tty.receive(word, 0, 1);
  }
  inject(byte: Uint8Array): void {
    this.master.output.write(byte, 0, 1);
    this.master.outputArrived();
  }
}
