import {
  CAP_LEASE,
  EACCES,
  EAGAIN,
  EINVAL,
  ERESTARTSYS,
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  O_PATH,
  POLL_MSG,
  POLLIN,
} from '@sandbox/abi';
import { type File, type FileLocks, type Lease, locksOf } from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { Task } from '../../process/task/task.js';
import { fileSignals, ownByDefault, signalOwner } from './fasync.js';

/** /proc/sys/fs/lease-break-time: how long a holder may take to comply. */
const BREAK_TIME = 45e9;

class HeldLease implements Lease {
  breakTo = -1;

  constructor(
    private readonly kernel: KernelCore,
    readonly file: File,
    private readonly fd: number,
    public type: number,
  ) {}

  onBreak(): void {
    signalOwner(this.kernel, fileSignals(this.file), this.fd, POLL_MSG);
  }
}

function leaseOf(locks: FileLocks | null, file: File): Lease | undefined {
  return locks?.leases.find((l) => l.file === file);
}

/** fcntl(2) F_GETLEASE: what is held, or what it is to become while somebody waits. */
export function getLease(file: File): number {
  const lease = leaseOf(file.inode.locks, file);
  if (lease === undefined) return F_UNLCK;
  return lease.breakTo === -1 ? lease.type : lease.breakTo;
}

/**
 * fcntl(2) F_SETLEASE. 0, -EINVAL, -EACCES, -EAGAIN (others have it open in a way that does not go with it).
 */
export function setLease(t: Task, fd: number, file: File, type: number): number {
  const { inode } = file;
  if (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK) return -EINVAL;
  const own = file.path === null ? t.cred : file.path.mount.credentials(t.cred);
  if (own.fsuid !== inode.uid && !t.cred.capable(CAP_LEASE)) return -EACCES;
  if (!inode.isRegular || (file.flags & O_PATH) !== 0) return -EINVAL;
  const mine = leaseOf(inode.locks, file);
  if (type === F_UNLCK) {
    if (mine === undefined) return -EAGAIN;
    inode.locks!.changeLease(mine, F_UNLCK);
    return 0;
  }
  if (type === F_RDLCK && inode.writers > 0) return -EAGAIN;
  // A memory file does not count its own opening, so nobody is alone with it.
  if (type === F_WRLCK && (inode.pins > 1 || file.path === null)) return -EAGAIN;
  const locks = locksOf(inode);
  for (const l of locks.leases) {
    if (l !== mine && (type === F_WRLCK || l.type === F_WRLCK || l.breakTo === F_UNLCK)) return -EAGAIN;
  }
  if (mine !== undefined) locks.changeLease(mine, type);
  else {
    locks.leases.push(new HeldLease(t.kernel, file, fd, type));
    ownByDefault(t, file);
  }
  return 0;
}

/**
 * The call met a lease: it waits for the holder to comply, but for the time there is, and is then run again.
 */
export function awaitLease(t: Task, nonblock: boolean): number {
  const { vfs } = t.kernel;
  const locks = vfs.leaseInTheWay!;
  vfs.leaseInTheWay = null;
  if (nonblock) return -EAGAIN;
  if (t.wait.timedOut) {
    // Whoever waits runs again, this call too: what it waits for has just come.
    locks.endBreaks();
    t.wait.timedOut = false;
  }
  t.setTimeout(BREAK_TIME);
  return t.sleep(locks.queue, POLLIN, -ERESTARTSYS);
}
