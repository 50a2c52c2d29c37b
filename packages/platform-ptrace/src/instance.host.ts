import { allocatePages, hostMunmap, viewOf } from '@sandbox/native';
import {
  CODE_BYTES,
  type CodeAccess,
  type Context,
  FastPath,
  type MemoryFile,
  type Nursery,
  type PlatformCapabilities,
  type PlatformInstance,
  type PlatformOptions,
} from '@sandbox/platform';
import type { PtraceAddressSpace } from './address-space.host.js';
import { PtraceContext } from './context.host.js';
import { type FpuLayout, fpuLayout } from './fast/fpu-layout.host.js';
import type { HostThread } from './host-thread.host.js';
import {
  INIT_CAPABILITIES,
  INIT_DATA,
  LIST_ADDRESS,
  LIST_BYTES,
  NT_X86_XSTATE,
  PTRACE_GETREGSET,
} from './layout.js';
import { PtraceNursery } from './nursery.js';
import { claimReady, hasRoom, keepReady, ReadyStub } from './ready-stubs.host.js';
import { filterProgram } from './seccomp.js';
import { stub } from './stub.js';
import { ThreadPages } from './thread-pages.js';
import { Tracer } from './tracer.host.js';

/** _LINUX_CAPABILITY_VERSION_3 of linux/capability.h. */
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const CHUNK = 2 ** 30;

/** One sandbox's stubs. */
export class PtraceInstance implements PlatformInstance {
  readonly name = 'ptrace';
  readonly capabilities: PlatformCapabilities;
  private static readonly CAPABILITIES: PlatformCapabilities = {
    trapsTsc: true,
    trapsCpuid: false,
    faultAccessKnown: false,
    inGuestFastPath: false,
  };
  readonly tracer = Tracer.forThisThread();
  readonly memory: MemoryFile;
  readonly trapTsc: boolean;
  readonly spaces = new Set<PtraceAddressSpace>();
  /** Operation list shared with the stubs (they see it read-only). */
  readonly listOffset: number;
  readonly listWords: Uint32Array;
  readonly codeOffset: number;
  readonly fast: FastPath;
  readonly threadPages: ThreadPages;
  fpu!: FpuLayout;
  active = false;
  disposed = false;
  alarmAt = Number.POSITIVE_INFINITY;
  alarmFn: (() => void) | null = null;
  /** A prepared stub others are forked from; it never runs guest code. */
  template: HostThread | null = null;

  constructor(
    options: PlatformOptions,
    private readonly fastPath = true,
  ) {
    this.memory = options.memory;
    this.trapTsc = options.trapTsc ?? false;
    this.capabilities = { ...PtraceInstance.CAPABILITIES, inGuestFastPath: fastPath };
    this.listOffset = this.memory.allocate(LIST_BYTES);
    this.codeOffset = this.memory.allocate(CODE_BYTES);
    const chunk = this.memory.chunk(this.listOffset);
    this.listWords = new Uint32Array(
      chunk.buffer,
      chunk.byteOffset + (this.listOffset % CHUNK),
      LIST_BYTES / 4,
    );
    this.memory.chunk(this.codeOffset).set(stub.code, this.codeOffset % CHUNK);
    this.fast = new FastPath(this.memory, stub.fast);
    this.threadPages = new ThreadPages(this.memory);
    this.writeInitData();
    this.tracer.register(this);
    this.template = this.readyTemplate() ?? this.newTemplate();
  }

  private newTemplate(): HostThread {
    const template = this.tracer.injector.makeTemplate(this);
    this.measureFpu(template);
    return template;
  }

  /** The stub that came with the memory file, when it did and fits. */
  private readyTemplate(): HostThread | null {
    const stub = claimReady(this.memory);
    if (!stub) return null;
    if (stub.layout !== this.layout || stub.trapTsc !== this.trapTsc || !stub.usable) {
      stub.end();
      return null;
    }
    this.fpu = stub.fpu;
    const template = this.tracer.injector.adoptTemplate(this, stub.pid);
    stub.tracer.unkeep();
    return template;
  }

  /** Where in the memory file a template has what it maps. */
  private get layout(): string {
    const { listOffset, codeOffset, fast } = this;
    return [listOffset, codeOffset, fast.tableOffset, fast.thunksOffset].join();
  }

  /**
   * Keep the template, which is stopped and never ran guest code, for a sandbox to come, once the memory is
   * given up.
   */
  private keepTemplate(): void {
    const { template, tracer } = this;
    if (!template || template.gone || template.addressSpace.dead || !hasRoom()) return;
    const { pid, addressSpace } = template;
    const { layout, trapTsc, fpu } = this;
    this.spaces.delete(addressSpace);
    tracer.keep(template);
    keepReady(this.memory, new ReadyStub(pid, tracer, layout, trapTsc, fpu));
  }

  /** The seccomp program behind its sock_fprog, and what gives up capabilities, in the list area. */
  private writeInitData(): void {
    const program = filterProgram();
    const bytes = new Uint8Array(this.listWords.buffer, this.listWords.byteOffset + INIT_DATA, 4096);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 4096);
    view.setUint16(0, program.length / 8, true);
    const address = LIST_ADDRESS + INIT_DATA + 16;
    view.setUint32(8, address >>> 0, true);
    view.setUint32(12, Math.floor(address / 4294967296), true);
    bytes.set(program, 16);
    view.setUint32(INIT_CAPABILITIES - INIT_DATA, LINUX_CAPABILITY_VERSION_3, true);
  }

  private measureFpu(thread: HostThread): void {
    const size = 16384;
    const at = allocatePages(size + 4096);
    const view = new DataView(viewOf(at, size + 4096));
    const iovec = size;
    view.setUint32(iovec, at >>> 0, true);
    view.setUint32(iovec + 4, Math.floor(at / 4294967296), true);
    view.setUint32(iovec + 8, size, true);
    thread.mustPtrace(PTRACE_GETREGSET, NT_X86_XSTATE, at + iovec);
    // The software-reserved bytes of the FXSAVE image name the features of the area.
    this.fpu = fpuLayout(view.getUint32(iovec + 8, true), view.getUint32(464, true));
    hostMunmap(at, size + 4096);
  }

  createNursery(): PtraceNursery {
    return new PtraceNursery(this.tracer.injector.newSpace(this, null));
  }

  createContext(nursery?: Nursery): Context {
    const own = nursery instanceof PtraceNursery ? nursery : null;
    const space = this.tracer.injector.newSpace(this, own);
    const context = new PtraceContext(space);
    space.attach(context, space.threads[0]);
    context.regs().fill(0);
    context.touchRegs();
    context.resetFpu();
    return context;
  }

  setActive(active: boolean): void {
    this.active = active;
    this.tracer.updateReference();
  }

  setAlarm(deadline: number, fn: () => void): void {
    this.alarmAt = deadline;
    this.alarmFn = fn;
    this.tracer.alarmChanged(deadline);
  }

  setCodeAccess(access: CodeAccess | null): void {
    this.fast.access = this.fastPath ? access : null;
  }

  stats(): Record<string, number> {
    return { ...this.tracer.counters, processes: this.spaces.size };
  }

  slowSites(): { address: number; calls: number; code: Uint8Array }[] {
    return this.fast.slowSites();
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.active = false;
    this.alarmAt = Number.POSITIVE_INFINITY;
    this.alarmFn = null;
    this.keepTemplate();
    for (const space of [...this.spaces]) space.kill();
    this.template = null;
    this.tracer.unregister(this);
  }
}
