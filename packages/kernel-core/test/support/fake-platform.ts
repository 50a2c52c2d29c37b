import {
  type AddressSpace,
  type Context,
  type ContextSink,
  EVENT_NONE,
  EVENT_SYSCALL,
  type GuestEvent,
  type PlatformCapabilities,
  type PlatformInstance,
} from '@sandbox/platform';

/**
 * An address space that forgets what is mapped: the kernel's own view of memory is all that tests look at.
 */
class FakeAddressSpace implements AddressSpace {
  readonly minAddress = 0x10000;
  readonly maxAddress = 0x7ffffffff000;
  contexts = 1;
  map(): void {}
  unmap(): void {}
  protect(): void {}
  flush(): void {}
}

/** A context that executes nothing: a test makes it ask for system calls and reads the results. */
export class FakeContext implements Context {
  sink: ContextSink | null = null;
  event: GuestEvent = EVENT_NONE;
  nr = 0;
  readonly args = new Uint32Array(12);
  readonly faultAddr = 0;
  readonly faultAccess = 0;
  readonly vector = 0;
  readonly fpuSize = 576;
  readonly xfeatures = 3;
  running = false;
  /** Result of the last system call, null while it has none. */
  result: number | null = null;
  /** CPU time it pretends to have used. */
  cpu = 0;
  private readonly words = new Uint32Array(54);

  constructor(readonly addressSpace: AddressSpace = new FakeAddressSpace()) {}

  /** Ask for a system call. The result, or null when it blocks (look at `result` later). */
  syscall(nr: number, ...args: number[]): number | null {
    this.args.fill(0);
    args.forEach((value, i) => {
      this.args[2 * i] = value >>> 0;
      this.args[2 * i + 1] = Math.floor(value / 4294967296) >>> 0;
    });
    this.nr = nr;
    this.event = EVENT_SYSCALL;
    this.result = null;
    this.running = false;
    this.sink!.onGuestEvent(this);
    return this.result;
  }

  setResult(lo: number, hi: number): void {
    this.result = lo + (hi | 0) * 4294967296;
  }
  regs(): Uint32Array {
    return this.words;
  }
  touchRegs(): void {}
  saveFpu(): void {}
  loadFpu(): boolean {
    return true;
  }
  resetFpu(): void {}
  resume(): void {
    this.running = true;
  }
  interrupt(): void {}
  cpuTimeNs(): number {
    return this.cpu;
  }
  clone(): Context {
    return new FakeContext(this.addressSpace);
  }
  fork(): Context {
    return new FakeContext();
  }
  renewAddressSpace(): void {}
  dispose(): void {}
}

export class FakePlatform implements PlatformInstance {
  readonly name = 'fake';
  readonly capabilities: PlatformCapabilities = {
    trapsTsc: false,
    trapsCpuid: false,
    faultAccessKnown: true,
    inGuestFastPath: false,
  };
  createContext(): Context {
    return new FakeContext();
  }
  setActive(): void {}
  setAlarm(): void {}
  stats(): Record<string, number> {
    return {};
  }
  dispose(): void {}
}
