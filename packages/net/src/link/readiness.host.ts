import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_EVENT,
  EPOLLIN,
  SYS_close,
  SYS_epoll_create1,
  SYS_epoll_ctl,
  SYS_eventfd2,
  SYS_write,
} from '@sandbox/abi';
import {
  allocatePages,
  hostSyscall,
  hostSyscall3,
  libcFunction,
  scratchAddress,
  scratchView,
  viewOf,
} from '@sandbox/native';
import { check } from './check.host.js';

const MOST_EVENTS = 64;

/** A function of koffi's, which can also be called on a thread of its own. */
interface AsyncNative {
  async(...args: unknown[]): void;
}

/**
 * Tells when descriptors of the host can be read. One thread waits for all of them (Node has four for such
 * things), and only while there are any; it keeps the process alive.
 */
class Readiness {
  private readonly watched = new Map<number, () => void>();
  private epoll = -1;
  private wakeFd = -1;
  private waiting = false;
  private readonly memory = allocatePages(MOST_EVENTS * EPOLL_EVENT.SIZE);
  private readonly view = new DataView(viewOf(this.memory, MOST_EVENTS * EPOLL_EVENT.SIZE));
  private wait: AsyncNative | null = null;

  /** Have `fn` called whenever `fd` can be read, until `unwatch`. */
  watch(fd: number, fn: () => void): void {
    if (this.epoll < 0) this.open();
    this.control(EPOLL_CTL_ADD, fd);
    this.watched.set(fd, fn);
    if (!this.waiting) this.next();
  }

  /** To be called before `fd` is closed. */
  unwatch(fd: number): void {
    if (!this.watched.delete(fd)) return;
    this.control(EPOLL_CTL_DEL, fd);
    if (this.watched.size === 0 && this.waiting) {
      scratchView.setBigUint64(0, 1n, true);
      hostSyscall3(SYS_write, this.wakeFd, scratchAddress, 8);
    }
  }

  private open(): void {
    this.wait ??= libcFunction(
      'int epoll_wait(int epfd, intptr_t events, int maxevents, int timeout)',
    ) as unknown as AsyncNative;
    this.epoll = check(hostSyscall(SYS_epoll_create1, EPOLL_CLOEXEC), 'epoll_create1');
    this.wakeFd = check(hostSyscall(SYS_eventfd2, 0, EPOLL_CLOEXEC), 'eventfd');
    this.control(EPOLL_CTL_ADD, this.wakeFd);
  }

  private control(what: number, fd: number): void {
    scratchView.setUint32(EPOLL_EVENT.events, EPOLLIN, true);
    scratchView.setBigUint64(EPOLL_EVENT.data, BigInt(fd), true);
    check(hostSyscall(SYS_epoll_ctl, this.epoll, what, fd, scratchAddress), 'epoll_ctl');
  }

  private next(): void {
    this.waiting = true;
    this.wait!.async(this.epoll, this.memory, MOST_EVENTS, -1, (_error: unknown, count: number) =>
      this.woken(count),
    );
  }

  private woken(count: number): void {
    this.waiting = false;
    for (let i = 0; i < count; i++)
      this.watched.get(this.view.getUint32(i * EPOLL_EVENT.SIZE + EPOLL_EVENT.data, true))?.();
    if (this.watched.size > 0) {
      // One that began to be watched meanwhile may have done so.
      if (!this.waiting) this.next();
      return;
    }
    if (this.waiting) return;
    hostSyscall3(SYS_close, this.epoll, 0, 0);
    hostSyscall3(SYS_close, this.wakeFd, 0, 0);
    this.epoll = this.wakeFd = -1;
  }
}

export const readiness = new Readiness();
