import { EFAULT } from '@sandbox/abi';
import { CHUNK_SIZE, type Mappable } from '@sandbox/vfs';
import { Timer } from '../../time/timers.js';
import { vdsoImage } from '../../time/vdso.js';
import { VvarPage } from '../../time/vvar-page.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { TASK_RUNNING } from '../task/task-state.js';

const PAGE = 4096;

/**
 * Pages of the store as something that can be mapped. They never change and never go, so observers hear
 * nothing.
 */
class FixedPages implements Mappable {
  runLength = 0;
  constructor(
    private readonly offset: number,
    readonly bytes: number,
  ) {}

  translate(index: number, max: number, _write: boolean): number {
    const pages = this.bytes / PAGE;
    if (index >= pages) return -EFAULT;
    this.runLength = Math.min(max, pages - index);
    return this.offset + index * PAGE;
  }
  addObserver(): void {}
  removeObserver(): void {}
  syncPages(): number {
    return 0;
  }
}

/**
 * The vDSO of a kernel (vdso(7)): one data page and the image, shared by all its processes. exec maps `data`
 * ([vvar], read only) and right behind it `image` ([vdso], readable and executable), and tells the program
 * the image's address by AT_SYSINFO_EHDR.
 *
 * With a clock that follows the host's the data page is corrected about once a second while guests run. When
 * none runs, it is left alone, and corrected first thing when the kernel is entered again: an idle sandbox is
 * not woken for it.
 */
export class VdsoPages {
  readonly data: FixedPages;
  readonly image: FixedPages;
  private noCounter: FixedPages | null = null;
  /** Corrections have stopped, as no guest runs. */
  paused = false;
  private readonly page: VvarPage;
  private readonly timer: Timer;
  private readonly offset: number;

  /** Throws when guest memory has no room for two pages. */
  constructor(private readonly kernel: KernelCore) {
    const { bytes } = vdsoImage();
    const { memory } = kernel;
    this.offset = memory.allocate(PAGE + bytes.length);
    if (this.offset < 0) throw new Error('guest memory has no room for the vDSO');
    const chunk = memory.chunk(this.offset);
    const at = chunk.byteOffset + (this.offset % CHUNK_SIZE);
    new Uint8Array(chunk.buffer, at + PAGE, bytes.length).set(bytes);
    this.page = new VvarPage(new Uint32Array(chunk.buffer, at, PAGE / 4));
    this.data = new FixedPages(this.offset, PAGE);
    this.image = new FixedPages(this.offset + PAGE, bytes.length);
    this.timer = new Timer(() => this.correct(!this.inUse()));
    if (kernel.clock.counter) {
      kernel.clock.counter.attach(this.page);
      this.paused = true;
    }
  }

  /**
   * A data page by which readers make system calls: for programs in a time namespace with other clocks. Null
   * when guest memory has no room for it.
   */
  get dataWithoutCounter(): FixedPages | null {
    if (this.noCounter === null) {
      const offset = this.kernel.memory.allocate(PAGE);
      if (offset >= 0) this.noCounter = new FixedPages(offset, PAGE);
    }
    return this.noCounter;
  }

  /** The kernel is entered after a pause: guests are about to run. */
  resume(): void {
    this.correct(false);
  }

  private correct(pause: boolean): void {
    const { kernel } = this;
    const counter = kernel.clock.counter;
    if (!counter) return;
    this.paused = pause;
    if (counter.refresh(pause)) kernel.realtimeStepped();
    if (!pause) kernel.timers.arm(this.timer, kernel.clock.monotonic() + counter.interval);
  }

  /** Some guest executes instructions now, so may read the time. */
  private inUse(): boolean {
    for (const task of this.kernel.pids.tasks.values()) if (task.state === TASK_RUNNING) return true;
    return false;
  }

  /** Before guest memory is disposed. */
  dispose(): void {
    this.kernel.timers.cancel(this.timer);
    this.kernel.clock.counter?.detach(this.page);
    this.paused = false;
  }
}
