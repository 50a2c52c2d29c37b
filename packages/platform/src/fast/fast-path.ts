import type { CodeAccess, Context } from '../contract.js';
import type { MemoryFile } from '../memory/memory-file.host.js';
import { CODE_ADDRESS, TABLE_BYTES, THUNK_ADDRESS, THUNK_BYTES, THUNKS_BYTES } from './layout.js';
import { LOAD_FPU, RESTORE } from './page-layout.js';
import type { Patches } from './patches.js';
import {
  BEFORE,
  BEHIND,
  classify,
  NEIGHBOURHOOD,
  REFUSED_AT,
  SITE_BEHIND,
  type Site,
  SiteTable,
} from './sites.js';
import type { FastStub } from './stub.js';
import type { ThreadPage } from './thread-page.js';

// Words of struct user_regs_struct.
const REG_R10 = 14;
const REG_R9 = 16;
const REG_R8 = 18;
const REG_RAX = 20;
const REG_RCX = 22;
const REG_RDX = 24;
const REG_RSI = 26;
const REG_RDI = 28;
const REG_RIP = 32;
const REG_EFLAGS = 36;
const REG_FS_BASE = 42;
const REG_GS_BASE = 44;
const ARGUMENTS = [REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9];

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

/** What the fast path has to know, and to have done, of an address space. */
export interface PatchedSpace {
  readonly patches: Patches;
  readonly contexts: number;
  /** Have the table, the thunks and the code mapped in it, if they are not yet. */
  readyForSites(): void;
  addSite(site: Site): void;
  /**
   * When it returns nothing of it runs, but what waits in the stub for an answer; and `context`, which is
   * stopped.
   */
  stopOthers(context: PatchedContext): void;
  /** `site` has been patched: none of its contexts, which have stopped, may go on in the middle of it. */
  moveOff(site: Site): void;
}

export interface PatchedContext extends Context {
  nr: number;
  readonly patched: PatchedSpace;
}

/** The fast path of one sandbox: its patched call sites. */
export class FastPath {
  readonly tableOffset: number;
  readonly thunksOffset: number;
  readonly sites: SiteTable;
  access: CodeAccess | null = null;
  private readonly code = new Uint8Array(2 * NEIGHBOURHOOD + BEFORE + BEHIND);
  /** Places with many calls that could not be patched, for the statistics. */
  private readonly unpatched = new Map<number, { address: number; calls: number; code: Uint8Array }>();

  constructor(
    memory: MemoryFile,
    private readonly stub: FastStub,
  ) {
    this.tableOffset = memory.allocate(TABLE_BYTES);
    this.thunksOffset = memory.allocate(THUNKS_BYTES);
    const table = memory.chunk(this.tableOffset);
    const thunks = memory.chunk(this.thunksOffset);
    const at = this.thunksOffset % CHUNK;
    this.sites = new SiteTable(
      new Uint32Array(table.buffer, table.byteOffset + (this.tableOffset % CHUNK), TABLE_BYTES / 4),
      thunks.subarray(at, at + THUNKS_BYTES),
      stub,
    );
  }

  /**
   * A slow call came from `after`: count it, as so many, and patch its place when it is hot. The context is
   * stopped there.
   */
  noteSlowCall(context: PatchedContext, after: number, weight = 1): void {
    const { patches } = context.patched;
    if (!this.access || patches.disabled || patches.plainCode) return;
    const { hits } = patches;
    const count = hits.get(after) ?? 0;
    if (count === UNPATCHABLE) {
      const place = this.unpatched.get(after);
      if (place) place.calls += weight;
      return;
    }
    hits.set(after, count + weight);
    if (count + weight < HOT) return;
    if (hits.size > 4096) hits.clear();
    hits.set(after, UNPATCHABLE);
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

  private patch(context: PatchedContext, after: number): boolean {
    const space = context.patched;
    if (!this.access!.read(context, after - BEFORE - NEIGHBOURHOOD, this.code)) return false;
    const kind = classify(this.code, context.nr);
    if (kind === 0) return false;
    const site = this.sites.obtain(kind, after, this.code);
    if (!site) return false;
    const inOnePage = Math.floor(site.start / PAGE) === Math.floor((site.start + site.length - 1) / PAGE);
    site.users++;
    if (inOnePage) space.readyForSites();
    if (!inOnePage || !this.access!.patch(context, site.start, site.patched)) {
      this.sites.drop(site);
      return false;
    }
    space.addSite(site);
    // Whoever has just come out of a call made here would go on in the middle of what is now the jump. Before
    // the other kinds of site there is no such place: a thread between the two replaced instructions meets an
    // invalid opcode, see `oldSyscall`.
    if (site.kind === SITE_BEHIND) {
      space.stopOthers(context);
      space.moveOff(site);
    }
    return true;
  }

  /** Put the original bytes back everywhere in the address space of `context`, and patch no more there. */
  unpatch(context: PatchedContext): void {
    context.patched.patches.disabled = true;
    context.patched.stopOthers(context);
    this.restore(context);
  }

  /**
   * Put the original bytes back everywhere in the address space of `context`; its other threads do not run
   * meanwhile.
   */
  restore(context: PatchedContext): void {
    const space = context.patched;
    for (const site of space.patches.sites) this.access?.patch(context, site.start, site.original);
    // Other threads may be in the thunks: those keep their places.
    if (space.contexts > 1) space.patches.forget();
    else this.dropSites(space.patches);
  }

  /** Nobody can be in the thunks of an address space any more. */
  dropSites(patches: Patches): void {
    for (const site of patches.sites) this.sites.drop(site);
    patches.forget();
  }

  /**
   * The whole of `setPlainCode` (see `Context`), once a call that came by shared memory is one like any
   * other.
   */
  setPlainCode(context: PatchedContext, on: boolean): void {
    const space = context.patched;
    space.patches.plainCode = on;
    if (!on || space.patches.sites.size === 0) return;
    space.stopOthers(context);
    this.restore(context);
  }

  /** Are the bytes of `site` still the jump? The guest may have mapped something else there. */
  private stillPatched(context: PatchedContext, site: Site): boolean {
    const bytes = new Uint8Array(site.length);
    return (
      (this.access?.read(context, site.start, bytes) ?? false) && bytes.every((b, i) => b === site.patched[i])
    );
  }

  /**
   * A thread with this page was stopped somewhere; when that is within the fast path, decide what it means. A
   * call that is published is one; before that the thread goes back to the site, after that on behind it,
   * with the registers it must have there.
   */
  classifyStop(page: ThreadPage | null, regs: Uint32Array): 0 | 1 | 2 | 3 {
    const { stub } = this;
    const rip = ripOf(regs);
    if (rip >= THUNK_ADDRESS && rip < THUNK_ADDRESS + THUNKS_BYTES) return this.inThunk(rip, regs);
    if (!page) return STOP_OUTSIDE;
    const at = rip - CODE_ADDRESS;
    if (at >= stub.answer && at < stub.entry) return this.inAnswer(at, page, regs);
    if (at < stub.entry || at >= stub.end) return STOP_OUTSIDE;
    const site = this.sites.get(page.site);
    if (!site) return STOP_OUTSIDE;
    if (at < stub.published) {
      if (at >= stub.saved) {
        const rcx = regs.slice(REG_RCX, REG_RCX + 2);
        page.readRegs(regs);
        regs.set(rcx, REG_RCX);
      }
      setRip(regs, site.start);
      return STOP_FIXED;
    }
    const { state } = page;
    if (at >= stub.restore || (at < stub.done && (state & RESTORE) !== 0)) {
      page.readRegs(regs);
      regs[REG_EFLAGS] = page.flags;
      page.readRip(regs, REG_RIP);
      regs[REG_FS_BASE] = page.fsBaseLo;
      regs[REG_FS_BASE + 1] = page.fsBaseHi;
      return (state & LOAD_FPU) !== 0 ? STOP_FIXED_FPU : STOP_FIXED;
    }
    if (at < stub.done && state !== 0) return STOP_CALL;
    this.completed(page, site, regs);
    return STOP_FIXED;
  }

  /** Looking for an answer to give at once; with `stub.answered` it has one. */
  private inAnswer(at: number, page: ThreadPage, regs: Uint32Array): 0 | 2 {
    const site = this.sites.get(page.site);
    if (!site) return STOP_OUTSIDE;
    setRip(regs, at === this.stub.answered ? site.after : site.start);
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

  /**
   * Registers a context is to go on with: a place in the middle of a patched site becomes the one it stands
   * for. A guest that uses the GS base itself has nothing patched any more; its other threads are stopped
   * then.
   */
  adjust(context: PatchedContext, regs: Uint32Array): void {
    const space = context.patched;
    if (space.patches.sites.size === 0) return;
    const rip = ripOf(regs);
    const site = space.patches.at(rip);
    if (site && site.kind === SITE_BEHIND && rip !== site.start && this.stillPatched(context, site)) {
      setRip(regs, site.resumeAt + rip - site.after);
    }
    if (regs[REG_GS_BASE] !== 0 || regs[REG_GS_BASE + 1] !== 0) this.unpatch(context);
  }

  /**
   * A thunk was refused the page it looks for at the GS base (see REFUSED_AT): rip goes back to the site.
   * Then the thread has no page yet, or has set the base itself, which `adjust` sees to. False: it stopped at
   * no such place.
   */
  leaveThunk(regs: Uint32Array): boolean {
    const site = this.refusedAt(ripOf(regs));
    if (site) setRip(regs, site.start);
    return site !== null;
  }

  /** The site whose thunk is refused at `rip`. */
  refusedAt(rip: number): Site | null {
    const from = rip - THUNK_ADDRESS - REFUSED_AT;
    if (from < 0 || from >= THUNKS_BYTES || from % THUNK_BYTES !== 0) return null;
    return this.sites.get(from / THUNK_BYTES);
  }

  /**
   * An invalid opcode: is it that of an old `syscall`, which was come to by another way than through the
   * instruction before? Then it is that call: `nr`, `args` and rip are set.
   */
  oldSyscall(context: PatchedContext, regs: Uint32Array): boolean {
    const rip = ripOf(regs);
    const site = context.patched.patches.at(rip);
    if (!site || site.kind === SITE_BEHIND || rip !== site.after - 2 || !this.stillPatched(context, site))
      return false;
    for (let i = 0; i < 6; i++) {
      context.args[i * 2] = regs[ARGUMENTS[i]];
      context.args[i * 2 + 1] = regs[ARGUMENTS[i] + 1];
    }
    context.nr = regs[REG_RAX] | 0;
    setRip(regs, site.after);
    return true;
  }

  /** Registers as they are behind a call that came by `page`. */
  completed(page: ThreadPage, site: Site | null, regs: Uint32Array): void {
    page.readRegs(regs);
    regs[REG_EFLAGS] = page.flags;
    setRip(regs, site ? site.after : page.returnAddress);
    regs[REG_RCX] = regs[REG_RIP];
    regs[REG_RCX + 1] = regs[REG_RIP + 1];
  }
}

function ripOf(regs: Uint32Array): number {
  return regs[REG_RIP] + regs[REG_RIP + 1] * 4294967296;
}

function setRip(regs: Uint32Array, address: number): void {
  regs[REG_RIP] = address >>> 0;
  regs[REG_RIP + 1] = Math.floor(address / 4294967296);
}
