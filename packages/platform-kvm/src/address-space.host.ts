import type { AddressSpace } from '@sandbox/platform';
import { CallPage } from './call-page.js';
import type { KvmInstance } from './instance.host.js';
import { CALL_PAGES_AT, GUEST_END, GUEST_START, PAGE } from './layout.js';
import type { PageTables } from './page-tables.js';

/**
 * The page tables of one guest process. Changes are written at once; that what they took away is out of reach is only certain after
 * `flush`.
 */
export class KvmAddressSpace implements AddressSpace {
  readonly minAddress = GUEST_START;
  readonly maxAddress = GUEST_END;
  readonly tables: PageTables;
  /** By virtual CPU. */
  private readonly callPages: CallPage[] = [];
  contexts = 0;
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
    const { memory, userStub } = this.instance.machine;
    const place = this.tables.addKernelPage(CALL_PAGES_AT + index * PAGE, userStub);
    return new CallPage(place, memory.hostAddress(place), memory.chunk(place));
  }

  attach(): void {
    this.contexts++;
  }

  /** A context has left, which no virtual CPU carries any more. */
  detach(): void {
    this.contexts--;
    if (this.contexts === 0) this.end();
  }

  private end(): void {
    if (this.dead) return;
    this.dead = true;
    this.tables.dispose();
    this.callPages.length = 0;
    this.instance.spaces.delete(this);
  }
}
