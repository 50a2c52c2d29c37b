import type { CodeAccess, MemoryFile } from '@sandbox/platform';
import type { PtraceContext } from '../context.host.js';
import type { HostThread } from '../host-thread.host.js';
import {
  CODE_ADDRESS,
  MAX_PAGES,
  PAGES_ADDRESS,
  REG_EFLAGS,
  REG_FS_BASE,
  REG_RCX,
  REG_RIP,
  TABLE_BYTES,
  THUNK_ADDRESS,
  THUNK_BYTES,
  THUNKS_BYTES,
} from '../layout.js';
import { stub } from '../stub.js';
import { LOAD_FPU, RESTORE } from './page-layout.js';
import { BEFORE, BEHIND, classify, NEIGHBOURHOOD, SITE_BEHIND, type Site, SiteTable } from './sites.js';
import { ThreadPage } from './thread-page.js';

const PAGE = 4096;
const CHUNK = 2 ** 30;
/** Slow calls from one place before it is patched: fewer do not earn back the copy of its page. */
const HOT = 64;
const UNPATCHABLE = -1;
/** Places remembered for the statistics. */
const MOST_UNPATCHED = 256;

/** What a stop within the stub's fast path means. */
export const STOP_OUTSIDE = 0;
/** A call is published. */
export const STOP_CALL = 1;
/** `regs` now hold what the guest would have had just before, or just after, the call. */
export const STOP_FIXED = 2;
/** The same, and the FPU state in the page is still to be loaded. */
export const STOP_FIXED_FPU = 3;

/** The fast path of one sandbox: patched sites, and the pages its threads publish calls in. */
export class FastPath {
  readonly tableOffset: number;
  readonly thunksOffset: number;
  readonly sites: SiteTable;
  access: CodeAccess | null = null;
  private readonly code = new Uint8Array(2 * NEIGHBOURHOOD + BEFORE + BEHIND);
  /** Places with many calls that could not be patched, for the statistics. */
  private readonly unpatched = new Map<number, { address: number; calls: number; code: Uint8Array }>();

  constructor(private readonly memory: MemoryFile) {
    this.tableOffset = memory.allocate(TABLE_BYTES);
    this.thunksOffset = memory.allocate(THUNKS_BYTES);
    const table = memory.chunk(this.tableOffset);
    const thunks = memory.chunk(this.thunksOffset);
    const at = this.thunksOffset % CHUNK;
    this.sites = new SiteTable(
      new Uint32Array(table.buffer, table.byteOffset + (this.tableOffset % CHUNK), TABLE_BYTES / 4),
      thunks.subarray(at, at + THUNKS_BYTES),
    );
  }

  /** Give `thread` a page, mapped at its next resume. False when its process has too many. */
  makePage(thread: HostThread): boolean {
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
  freePage(thread: HostThread): void {
    const { page, addressSpace: space } = thread;
    thread.page = null;
    if (page) space.sparePages.push(page);
    // All threads of an ended process are stopped or gone: nobody sees the pages any more.
    if (space.dead) for (const p of space.sparePages.splice(0)) this.memory.decRef(p.offset, PAGE);
  }

  /** A slow call came from `after`: count it, and patch its place when it is hot. The context is stopped there. */
  noteSlowCall(context: PtraceContext, after: number): void {
    const { ptraceSpace: space } = context;
    if (!this.access || space.noFast || space.plainCode) return;
    const count = space.hits.get(after) ?? 0;
    if (count === UNPATCHABLE) {
      const place = this.unpatched.get(after);
      if (place) place.calls++;
      return;
    }
    space.hits.set(after, count + 1);
    if (count + 1 < HOT) return;
    if (space.hits.size > 4096) space.hits.clear();
    space.hits.set(after, UNPATCHABLE);
    if (!this.patch(context, after)) this.noteUnpatched(after);
  }

  private noteUnpatched(address: number): void {
    const place = this.unpatched.get(address);
    if (place) place.calls += HOT;
    else if (this.unpatched.size < MOST_UNPATCHED) {
      const code = this.code.slice(NEIGHBOURHOOD, NEIGHBOURHOOD + BEFORE + BEHIND);
      this.unpatched.set(address, { address, calls: HOT, code });
    }
  }

  /** Hot places that could not be patched, most calls first. */
  slowSites(): { address: number; calls: number; code: Uint8Array }[] {
    return [...this.unpatched.values()].sort((a, b) => b.calls - a.calls);
  }

  private patch(context: PtraceContext, after: number): boolean {
    const { ptraceSpace: space } = context;
    if (!this.access!.read(context, after - BEFORE - NEIGHBOURHOOD, this.code)) return false;
    const kind = classify(this.code, context.nr);
    if (kind === 0) return false;
    const site = this.sites.obtain(kind, after, this.code);
    if (!site) return false;
    const inOnePage = Math.floor(site.start / PAGE) === Math.floor((site.start + site.length - 1) / PAGE);
    site.users++;
    if (!inOnePage || !this.access!.patch(context, site.start, site.patched)) {
      this.sites.drop(site);
      return false;
    }
    space.addSite(site);
    // Whoever has just come out of a call made here would go on in the middle of what is now the jump. Before the other kinds of site
    // there is no such place: a thread between the two replaced instructions meets an invalid opcode, see `Stops.fastPathSignal`.
    if (site.kind === SITE_BEHIND) {
      for (const thread of space.threads) {
        if (thread !== context.thread && !thread.gone && !thread.ending)
          context.ptraceSpace.instance.tracer.stopNow(thread);
      }
      for (const thread of space.threads) thread.context?.moveOff(site);
    }
    return true;
  }

  /** Put the original bytes back everywhere in the address space of `context`, and patch no more there. */
  unpatch(context: PtraceContext): void {
    context.ptraceSpace.noFast = true;
    this.restore(context);
  }

  /** Put the original bytes back everywhere in the address space of `context`; its other threads do not run meanwhile. */
  restore(context: PtraceContext): void {
    const { ptraceSpace: space } = context;
    for (const site of space.sites) this.access?.patch(context, site.start, site.original);
    // Other threads may be in the thunks: those keep their places.
    if (space.contexts > 1) space.forgetSites();
    else space.dropSites();
  }

  /** Are the bytes of `site` still the jump? The guest may have mapped something else there. */
  stillPatched(context: PtraceContext, site: Site): boolean {
    const bytes = new Uint8Array(site.length);
    return (
      (this.access?.read(context, site.start, bytes) ?? false) && bytes.every((b, i) => b === site.patched[i])
    );
  }

  /** Index of the site whose thunk has its first instruction at `rip`, -1 for none. */
  thunkEntry(rip: number): number {
    const from = rip - THUNK_ADDRESS;
    return from >= 0 && from < THUNKS_BYTES && from % THUNK_BYTES === 0 ? from / THUNK_BYTES : -1;
  }

  /**
   * `thread` was stopped somewhere; when that is within the fast path, decide what it means. A call that is published is one; before that
   * the thread goes back to the site, after that on behind it, with the registers it must have there.
   */
  classifyStop(thread: HostThread, regs: Uint32Array): 0 | 1 | 2 | 3 {
    const { page } = thread;
    const rip = regs[REG_RIP * 2] + regs[REG_RIP * 2 + 1] * 4294967296;
    if (!page) return STOP_OUTSIDE;
    if (rip >= THUNK_ADDRESS && rip < THUNK_ADDRESS + THUNKS_BYTES) return this.inThunk(rip, regs);
    const at = rip - CODE_ADDRESS;
    if (at >= stub.answer && at < stub.fast) return this.inAnswer(at, page, regs);
    if (at < stub.fast || at >= stub.fastEnd) return STOP_OUTSIDE;
    const site = this.sites.get(page.site);
    if (!site) return STOP_OUTSIDE;
    if (at < stub.fastPublished) {
      if (at >= stub.fastSaved) {
        const rcx = regs.slice(REG_RCX * 2, REG_RCX * 2 + 2);
        page.readRegs(regs);
        regs.set(rcx, REG_RCX * 2);
      }
      setRip(regs, site.start);
      return STOP_FIXED;
    }
    const { state } = page;
    if (at >= stub.fastRestore || (at < stub.fastDone && (state & RESTORE) !== 0)) {
      page.readRegs(regs);
      regs[REG_EFLAGS * 2] = page.flags;
      page.readRip(regs, REG_RIP * 2);
      regs[REG_FS_BASE * 2] = page.fsBaseLo;
      regs[REG_FS_BASE * 2 + 1] = page.fsBaseHi;
      return (state & LOAD_FPU) !== 0 ? STOP_FIXED_FPU : STOP_FIXED;
    }
    if (at < stub.fastDone && state !== 0) return STOP_CALL;
    this.completed(page, site, regs);
    return STOP_FIXED;
  }

  /** Looking for an answer to give at once; with `stub.answered` it has one. */
  private inAnswer(at: number, page: ThreadPage, regs: Uint32Array): 0 | 2 {
    const site = this.sites.get(page.site);
    if (!site) return STOP_OUTSIDE;
    setRip(regs, at === stub.answered ? site.after : site.start);
    return STOP_FIXED;
  }

  private inThunk(rip: number, regs: Uint32Array): 0 | 2 {
    const site = this.sites.get(Math.floor((rip - THUNK_ADDRESS) / THUNK_BYTES));
    if (!site) return STOP_OUTSIDE;
    if (site.kind === SITE_BEHIND && rip >= site.resumeAt) {
      setRip(regs, site.after + Math.min(rip - site.resumeAt, site.behind));
    } else {
      setRip(regs, site.start);
    }
    return STOP_FIXED;
  }

  /** Registers as they are behind a call that came by `page`. */
  completed(page: ThreadPage, site: Site | null, regs: Uint32Array): void {
    page.readRegs(regs);
    regs[REG_EFLAGS * 2] = page.flags;
    setRip(regs, site ? site.after : page.returnAddress);
    regs[REG_RCX * 2] = regs[REG_RIP * 2];
    regs[REG_RCX * 2 + 1] = regs[REG_RIP * 2 + 1];
  }
}

function setRip(regs: Uint32Array, address: number): void {
  regs[REG_RIP * 2] = address >>> 0;
  regs[REG_RIP * 2 + 1] = Math.floor(address / 4294967296);
}
