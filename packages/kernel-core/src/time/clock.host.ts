import { CLOCK_MONOTONIC, CLOCK_REALTIME, PROT_EXEC, PROT_READ, SYS_mprotect } from '@sandbox/abi';
import { allocatePages, callable, hostSyscall, type NativeFunction, viewOf } from '@sandbox/native';
import type { Clock } from './source.js';
import { tscCounter } from './tsc.host.js';
import { vdsoImage } from './vdso.js';
import { type Counter, VvarPage } from './vvar-page.js';

const NSEC_PER_SEC = 1_000_000_000;
const PAGE = 4096;
const PROT_READ_EXEC = PROT_READ | PROT_EXEC;

/**
 * The very code guests read the clocks with, on a data page of this process: so a guest that compares what
 * its vDSO says with what a system call says sees one clock. While the counter is not calibrated, the code
 * asks the host.
 */
class HostVdso {
  readonly words: Uint32Array;
  readonly read: NativeFunction;
  readonly timespec: number;

  constructor() {
    const image = vdsoImage();
    // Result, data page, code.
    const at = allocatePages(2 * PAGE + image.bytes.length);
    this.timespec = at;
    this.words = new Uint32Array(viewOf(at, PAGE));
    const code = at + 2 * PAGE;
    new Uint8Array(viewOf(code, image.bytes.length)).set(image.bytes);
    if (hostSyscall(SYS_mprotect, code, image.bytes.length, PROT_READ_EXEC) !== 0) {
      throw new Error('executable memory is not allowed here');
    }
    this.read = callable(code + image.functions.get('clock_gettime')!, 2);
    tscCounter()?.attach(new VvarPage(new Uint32Array(viewOf(at + PAGE, PAGE))));
  }
}

let shared: HostVdso | null = null;

/** The host's time. One per kernel: a guest that sets CLOCK_REALTIME sets it here. */
export class HostClock implements Clock {
  readonly real = true;
  realtimeNsec = 0;
  readonly counter: Counter | null;
  /** What the guest's clock was set ahead of the host's. */
  private aheadSec = 0;
  private aheadNsec = 0;
  private page: VvarPage | null = null;
  private readonly vdso = (shared ??= new HostVdso());

  constructor() {
    const tsc = tscCounter();
    this.counter = tsc && {
      attach: (page) => {
        this.page = page;
        tsc.attach(page);
      },
      detach: (page) => {
        this.page = null;
        tsc.detach(page);
      },
      refresh: (pause) => tsc.refresh(pause),
      get interval() {
        return tsc.interval;
      },
    };
  }

  monotonic(): number {
    const { vdso } = this;
    vdso.read(CLOCK_MONOTONIC, vdso.timespec);
    const w = vdso.words;
    return (w[0]! + w[1]! * 4294967296) * NSEC_PER_SEC + w[2]!;
  }

  realtimeSec(): number {
    const { vdso } = this;
    vdso.read(CLOCK_REALTIME, vdso.timespec);
    const w = vdso.words;
    const sec = w[0]! + w[1]! * 4294967296 + this.aheadSec;
    const nsec = w[2]! + this.aheadNsec;
    if (nsec < NSEC_PER_SEC) {
      this.realtimeNsec = nsec;
      return sec;
    }
    this.realtimeNsec = nsec - NSEC_PER_SEC;
    return sec + 1;
  }

  stepRealtime(seconds: number, nanoseconds: number): void {
    const nsec = this.aheadNsec + nanoseconds;
    const carry = Math.floor(nsec / NSEC_PER_SEC);
    this.aheadSec += seconds + carry;
    this.aheadNsec = nsec - carry * NSEC_PER_SEC;
    this.page?.setAhead(this.aheadSec, this.aheadNsec);
  }
}
