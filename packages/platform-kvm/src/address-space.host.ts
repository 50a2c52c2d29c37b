import {
  type AddressSpace,
  CODE_ADDRESS,
  CODE_BYTES,
  GUEST_END,
  GUEST_START,
  PAGES_ADDRESS,
  type PatchedSpace,
  Patches,
  PROT_R,
  PROT_W,
  PROT_X,
  type Site,
  TABLE_ADDRESS,
  TABLE_BYTES,
  THUNK_ADDRESS,
  THUNKS_BYTES,
} from '@sandbox/platform';
import { CallPage } from './call-page.js';
import type { KvmContext } from './context.host.js';
import type { KvmInstance } from './instance.host.js';
import { CALL_PAGES_AT, MAX_CPUS, PAGE } from './layout.js';
import type { PageTables } from './page-tables.js';

/**
 * The page tables of one guest process. Changes are written at once; that what they took away is out of reach
 * is only certain after `flush`.
 */
export class KvmAddressSpace implements AddressSpace, PatchedSpace {
  readonly minAddress = GUEST_START;
  readonly maxAddress = GUEST_END;
  readonly tables: PageTables;
  /** By virtual CPU. */
  private readonly callPages: CallPage[] = [];
  readonly patches = new Patches();
  /** The fast path's pieces are mapped. */
  private ready = false;
  readonly members = new Set<KvmContext>();
  dead = false;
  private noted = false;

  constructor(readonly instance: KvmInstance) {
    this.tables = instance.machine.newTables();
    instance.spaces.add(this);
  }

  private check(addr: number, length: number): void {
    if (addr < 0 || length <= 0 || addr % PAGE !== 0 || length % PAGE !== 0 || addr + length > GUEST_END) {
      throw new RangeError(
        `address space operation outside the guest: 0x${addr.toString(16)}+0x${length.toString(16)}`,
      );
    }
  }

  map(addr: number, length: number, prot: number, offset: number): void {
    this.check(addr, length);
    if (this.dead) return;
    this.instance.machine.show(offset, length);
    this.tables.map(addr, length, prot, offset);
    this.noteStale();
  }

  unmap(addr: number, length: number): void {
    this.check(addr, length);
    if (this.dead) return;
    this.tables.unmap(addr, length);
    this.noteStale();
  }

  protect(addr: number, length: number, prot: number): void {
    this.check(addr, length);
    if (this.dead) return;
    this.tables.protect(addr, length, prot);
    this.noteStale();
  }

  private noteStale(): void {
    if (this.noted || this.tables.stale.empty) return;
    this.noted = true;
    this.instance.driver.noteChanged(this);
  }

  flush(): void {
    this.noted = false;
    if (!this.dead && !this.tables.stale.empty) this.instance.machine.forget(this.tables.stale);
  }

  /** Where contexts of this address space on virtual CPU `index` publish calls. Throws HostCallError. */
  callPage(index: number): CallPage {
    return (this.callPages[index] ??= this.newCallPage(index));
  }

  private newCallPage(index: number): CallPage {
    const { memory, userStub, device } = this.instance.machine;
    const place = this.tables.addKernelPage(CALL_PAGES_AT + index * PAGE, userStub);
    const at = PAGES_ADDRESS + index * PAGE;
    if (this.ready) this.tables.map(at, PAGE, PROT_R | PROT_W, place);
    return new CallPage(place, memory.hostAddress(place), at, memory.chunk(place), device.xfeatures);
  }

  // The fast path -------------------------------------------------------------------------------------------

  readyForSites(): void {
    if (this.ready) return;
    this.ready = true;
    const { fast, machine } = this.instance;
    this.tables.map(TABLE_ADDRESS, TABLE_BYTES, PROT_R, fast.tableOffset);
    this.tables.map(THUNK_ADDRESS, THUNKS_BYTES, PROT_R | PROT_X, fast.thunksOffset);
    this.tables.map(CODE_ADDRESS, CODE_BYTES, PROT_R | PROT_X, machine.fastCode);
    for (const page of this.callPages) {
      if (page) this.tables.map(page.guestAddress, PAGE, PROT_R | PROT_W, page.offset);
    }
  }

  addSite(site: Site): void {
    this.patches.add(site);
  }

  stopOthers(context: KvmContext): void {
    for (const other of this.members) if (other !== context) this.instance.driver.stopNow(other);
  }

  moveOff(site: Site): void {
    for (const context of this.members) context.moveOff(site);
  }

  /** Become what `from` is, for a fork. */
  copy(from: KvmAddressSpace): void {
    this.tables.copy(from.tables);
    this.patches.copy(from.patches);
    this.ready = from.ready;
    // The parent's pages are not the child's to see. No processor knows these tables yet.
    if (this.ready) this.tables.unmap(PAGES_ADDRESS, MAX_CPUS * PAGE);
    this.tables.stale.clear();
  }

  // Contexts ------------------------------------------------------------------------------------------------

  get contexts(): number {
    return this.members.size;
  }

  attach(context: KvmContext): void {
    this.members.add(context);
  }

  /** A context has left, which no virtual CPU carries any more. */
  detach(context: KvmContext): void {
    this.members.delete(context);
    if (this.members.size === 0) this.end();
  }

  private end(): void {
    if (this.dead) return;
    this.dead = true;
    this.instance.fast.dropSites(this.patches);
    this.tables.dispose();
    this.callPages.length = 0;
    this.instance.spaces.delete(this);
  }
}
