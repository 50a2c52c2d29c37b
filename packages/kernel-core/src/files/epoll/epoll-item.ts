import { EPOLLET, EPOLLEXCLUSIVE, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLWAKEUP } from '@sandbox/abi';
import { type File, type ReleaseListener, WaitEntry, type Waiter } from '@sandbox/vfs';
import { AnonFile } from '../../process/files/anon-file.js';

/** Bits of `events` that say how to report rather than what. */
export const PRIVATE_BITS = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;

/** An epoll instance as its entries see it. */
export abstract class EpollInstance extends AnonFile {
  abstract entries(): Iterable<EpollItem>;
  /** Put `item` on the ready list and tell those who wait. True when somebody was waiting here. */
  abstract itemReady(item: EpollItem): boolean;
  /** Take `item` out; it is in no release list any more. */
  abstract forget(item: EpollItem): void;
}

/**
 * One entry of an interest list: a descriptor number, as it was when added, and the description behind it
 * (Linux: epitem).
 */
export class EpollItem implements Waiter, ReleaseListener {
  nextListener: ReleaseListener | null = null;
  readonly entry = new WaitEntry(this);
  /** Place in the ready list. */
  next: EpollItem | null = null;
  prev: EpollItem | null = null;
  ready = false;
  /** Other items of the same descriptor number: its earlier description lives on elsewhere. */
  sibling: EpollItem | null = null;

  constructor(
    readonly epoll: EpollInstance,
    readonly file: File,
    readonly fd: number,
    public events: number,
    public dataLo: number,
    public dataHi: number,
  ) {}

  /** Disabled by EPOLLONESHOT until modified. */
  get disabled(): boolean {
    return (this.events & ~PRIVATE_BITS) === 0;
  }

  /** What it would report now. */
  poll(): number {
    return this.file.poll() & this.events;
  }

  /** The description announced `events` (Linux: ep_poll_callback). True uses up an exclusive wake-up. */
  onWake(events: number): boolean {
    if (this.disabled || (events & this.events) === 0) return false;
    const woken = this.epoll.itemReady(this);
    if ((this.events & EPOLLEXCLUSIVE) === 0) return true;
    if (!woken) return false;
    const inOut = events & (EPOLLIN | EPOLLOUT);
    return inOut !== (EPOLLIN | EPOLLOUT) && inOut === (this.events & inOut);
  }

  onFileReleased(): void {
    this.epoll.forget(this);
  }
}
