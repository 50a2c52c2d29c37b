import { type MemoryFile, PAGES_ADDRESS, ThreadPage } from '@sandbox/platform';
import type { HostThread } from './host-thread.host.js';
import { MAX_PAGES } from './layout.js';

const PAGE = 4096;

/** The pages threads of one sandbox publish their calls in. */
export class ThreadPages {
  constructor(private readonly memory: MemoryFile) {}

  /** Give `thread` a page, mapped at its next resume. False when its process has too many. */
  make(thread: HostThread): boolean {
    const space = thread.addressSpace;
    const spare = space.sparePages.pop();
    if (spare) {
      spare.clear();
      spare.clearAnswers();
      thread.page = spare;
      return true;
    }
    if (space.pageSlots >= MAX_PAGES) return false;
    const offset = this.memory.allocate(PAGE);
    if (offset < 0) return false;
    const at = PAGES_ADDRESS + space.pageSlots++ * PAGE;
    thread.page = new ThreadPage(
      offset,
      this.memory.hostAddress(offset),
      at,
      this.memory.chunk(offset),
      space.instance.fpu.features,
    );
    space.mapOwn(at, PAGE, offset);
    return true;
  }

  /** `thread` has ended. */
  free(thread: HostThread): void {
    const { page, addressSpace: space } = thread;
    thread.page = null;
    if (page) space.sparePages.push(page);
    // All threads of an ended process are stopped or gone: nobody sees the pages any more.
    if (space.dead) for (const p of space.sparePages.splice(0)) this.memory.decRef(p.offset, PAGE);
  }
}
