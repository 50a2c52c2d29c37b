import { hostClose, hostForget } from '@sandbox/native';
import { HostCallError, type MemoryFile } from '@sandbox/platform';
import { KVM_CREATE_VM, KVM_SET_NR_MMU_PAGES, KVM_SET_USER_MEMORY_REGION } from './abi.js';
import { callStub, callStubAt, kernelPlaces, type StubPlaces, userPlaces } from './call-stub.js';
import { type Device, device } from './device.host.js';
import { fastCode } from './fast-code.js';
import { argumentAddress, argumentView, ioctl, mustIoctl, putU64 } from './ioctl.host.js';
import {
  CALL_STUBS_AT,
  CPU_PAGES_AT,
  EXCEPTION_STUBS_AT,
  GDT_AT,
  IDT_AT,
  KERNEL_CS,
  KERNEL_HIGH,
  KERNEL_LOW,
  PAGE,
  PHYSICAL_BASE_HIGH,
  VECTOR_DEBUG,
} from './layout.js';
import { PageTables } from './page-tables.js';
import type { Ranges } from './ranges.js';
import { stubs } from './stubs.js';
import { TablePages } from './table-pages.js';

const CHUNK = 2 ** 30;
/**
 * Memory slots: pieces of the memory file the machine is shown when first needed. What KVM keeps for a slot
 * grows with its size.
 */
const SLOT = 2 ** 27;
/** A slot that is made and removed, to have shadowed tables forgotten. It lies below all others. */
const SPARE_SLOT = 0;
const SPARE_ADDRESS = 0x100000;
/** Shadowed tables KVM may keep; its own limit goes by the size of the slots, which here are small. */
const SHADOW_PAGES = 65536;
/** Pages of descriptors and stubs: the first of the kernel half. */
const FIXED_PAGES = 4;
const GATE_INTERRUPT = 0x8e;
const GATE_USER = 0x60;
/** Vectors guests may raise by an instruction: int3, into, int 0x80. */
const USER_VECTORS = new Set([3, 4, 0x80]);

/** One virtual machine: its memory, and the kernel half all its address spaces share. */
export class Machine {
  readonly device: Device = device();
  readonly fd: number;
  readonly pages: TablePages;
  private readonly kernelTables: PageTables;
  private readonly slots: boolean[] = [];
  private readonly fixed: number;
  private cpuPages: number[] = [];
  /** Pages of stubs of `syscall`. */
  private readonly stubPages: number[] = [];
  /** Place of the page of code patched call sites come to. */
  readonly fastCode: number;
  forgotten = 0;
  /** Of its stubs of `syscall`. */
  readonly callPlaces: StubPlaces;
  /** Debug exceptions have a stack of their own: DEBUG_STACK_TOP. */
  readonly hasDebugStack: boolean;

  constructor(
    readonly memory: MemoryFile,
    /** `syscall` leaves guests at their privilege level, so that they run its stub. */
    readonly userStub: boolean,
    readonly trapTsc = false,
    /** Address spaces may have entries of 2 MiB: see `Kind`. */
    private readonly largePages = false,
  ) {
    this.hasDebugStack = !userStub;
    this.callPlaces = userStub ? userPlaces : kernelPlaces;
    this.fd = mustIoctl('KVM_CREATE_VM', this.device.fd, KVM_CREATE_VM, 0);
    ioctl(this.fd, KVM_SET_NR_MMU_PAGES, SHADOW_PAGES);
    this.pages = new TablePages(
      memory,
      (place, length) => this.show(place, length),
      () => this.forgetTables(),
    );
    this.kernelTables = new PageTables(this.pages, 0);
    this.fixed = memory.allocate(FIXED_PAGES * PAGE);
    this.fillFixed();
    this.fastCode = this.ownPage();
    memory.chunk(this.fastCode).set(fastCode, this.fastCode % CHUNK);
  }

  newTables(): PageTables {
    return new PageTables(this.pages, this.kernelTables.kernelLeaf, this.largePages);
  }

  private fillFixed(): void {
    const at = this.fixed % CHUNK;
    const bytes = this.memory.chunk(this.fixed).subarray(at, at + FIXED_PAGES * PAGE);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    bytes.set(stubs.exceptionPage, EXCEPTION_STUBS_AT);
    const descriptors: [number, number][] = [
      [0, 0],
      [0, 0],
      [0x0000ffff, 0x00af9b00],
      [0x0000ffff, 0x00cf9300],
      [0, 0],
      [0x0000ffff, 0x00cff300],
      [0x0000ffff, 0x00affb00],
    ];
    descriptors.forEach(([low, high], i) => {
      view.setUint32(GDT_AT + i * 8, low, true);
      view.setUint32(GDT_AT + i * 8 + 4, high, true);
    });
    for (const [vector, offset] of stubs.vectors) {
      const target = KERNEL_LOW + EXCEPTION_STUBS_AT + offset;
      const gate = IDT_AT + vector * 16;
      const type = GATE_INTERRUPT | (USER_VECTORS.has(vector) ? GATE_USER : 0);
      view.setUint16(gate, target & 0xffff, true);
      view.setUint16(gate + 2, KERNEL_CS, true);
      view.setUint16(gate + 4, type << 8, true);
      view.setUint16(gate + 6, target >>> 16, true);
      view.setUint32(gate + 8, KERNEL_HIGH, true);
      if (vector === VECTOR_DEBUG && this.hasDebugStack) view.setUint8(gate + 4, 1);
    }
    this.show(this.fixed, FIXED_PAGES * PAGE);
    for (let at = 0; at < FIXED_PAGES * PAGE; at += PAGE)
      this.kernelTables.mapKernel(at, this.fixed + at, false, false);
  }

  /**
   * A page for virtual CPU `index`, seen at CPU_PAGES_AT + index pages of the kernel half. Its place in the
   * memory file.
   */
  cpuPage(index: number): number {
    const place = this.ownPage();
    this.cpuPages.push(place);
    this.kernelTables.mapKernel(CPU_PAGES_AT + index * PAGE, place, true, false);
    return place;
  }

  private ownPage(): number {
    const place = this.memory.allocate(PAGE);
    if (place < 0) throw new HostCallError('allocate', -place);
    this.show(place, PAGE);
    return place;
  }

  /** Write the stub of virtual CPU `index` where `callStubAt` says. */
  addCallStub(index: number): void {
    const at = callStubAt(index);
    const which = Math.floor((at - CALL_STUBS_AT) / PAGE);
    const known = this.stubPages[which];
    const place = known ?? this.ownPage();
    const from = (place % CHUNK) + (at % PAGE);
    this.memory.chunk(place).set(callStub(index, this.userStub), from);
    if (known !== undefined) return;
    this.stubPages[which] = place;
    this.kernelTables.mapKernel(at - (at % PAGE), place, false, this.userStub);
  }

  // Memory --------------------------------------------------------------------------------------------------

  /** Let the machine see a range of the memory file. */
  show(place: number, length: number): void {
    const last = Math.floor((place + length - 1) / SLOT);
    for (let i = Math.floor(place / SLOT); i <= last; i++) if (!this.slots[i]) this.addSlot(i);
  }

  private addSlot(index: number): void {
    const place = index * SLOT;
    this.setSlot(index + 1, place + PHYSICAL_BASE_HIGH * 4294967296, SLOT, this.memory.hostAddress(place));
    this.slots[index] = true;
  }

  private setSlot(slot: number, physical: number, length: number, address: number): void {
    argumentView.setUint32(0, slot, true);
    argumentView.setUint32(4, 0, true);
    putU64(argumentView, 8, physical);
    putU64(argumentView, 16, length);
    putU64(argumentView, 24, address);
    mustIoctl('KVM_SET_USER_MEMORY_REGION', this.fd, KVM_SET_USER_MEMORY_REGION, argumentAddress);
  }

  /** Removing any slot has KVM drop all tables it shadows. */
  private forgetTables(): void {
    this.forgotten++;
    this.setSlot(SPARE_SLOT, SPARE_ADDRESS, PAGE, this.memory.hostAddress(this.fixed));
    this.setSlot(SPARE_SLOT, SPARE_ADDRESS, 0, this.memory.hostAddress(this.fixed));
  }

  /**
   * Have pages forgotten by whatever remembers how they were mapped: processors' buffers and shadowed tables.
   * The host does that when it takes them from this process's own page tables; they come back at the next
   * touch.
   */
  forget(ranges: Ranges): void {
    const { starts, lengths } = ranges;
    for (let i = 0; i < starts.length; i++) {
      let place = starts[i];
      let left = lengths[i];
      while (left > 0) {
        const n = Math.min(left, CHUNK - (place % CHUNK));
        const r = hostForget(this.memory.hostAddress(place), n);
        if (r < 0) throw new HostCallError('madvise', -r);
        place += n;
        left -= n;
      }
    }
    ranges.clear();
  }

  dispose(): void {
    hostClose(this.fd);
    this.pages.dispose();
    this.memory.decRef(this.fixed, FIXED_PAGES * PAGE);
    for (const place of [this.fastCode, ...this.cpuPages, ...this.stubPages]) this.memory.decRef(place, PAGE);
    this.cpuPages = [];
    this.stubPages.length = 0;
  }
}
