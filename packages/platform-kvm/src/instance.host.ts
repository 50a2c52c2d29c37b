import {
  type CodeAccess,
  FastPath,
  type PlatformCapabilities,
  type PlatformInstance,
  type PlatformOptions,
  TABLE_BYTES,
  THUNKS_BYTES,
} from '@sandbox/platform';
import { KvmAddressSpace } from './address-space.host.js';
import { KvmContext } from './context.host.js';
import { Cpus } from './cpus.host.js';
import { Driver } from './driver.host.js';
import { fastPlaces } from './fast-code.js';
import { Machine } from './machine.host.js';

/** x87 control word, MXCSR and XSTATE_BV of the initial state (Intel SDM vol. 1, 13.6). */
function initialState(size: number): Uint8Array {
  const image = new Uint8Array(size);
  const view = new DataView(image.buffer);
  view.setUint16(0, 0x37f, true);
  view.setUint32(24, 0x1f80, true);
  view.setUint32(512, 3, true);
  return image;
}

/** One sandbox's virtual machine. */
export class KvmInstance implements PlatformInstance {
  readonly name = 'kvm';
  readonly capabilities: PlatformCapabilities;
  readonly driver = Driver.forThisThread();
  readonly machine: Machine;
  readonly cpus: Cpus;
  readonly fast: FastPath;
  readonly initialFpu: Uint8Array;
  readonly spaces = new Set<KvmAddressSpace>();
  active = false;
  disposed = false;
  alarmAt = Number.POSITIVE_INFINITY;
  alarmFn: (() => void) | null = null;

  /** `userStub`, `largePages`: see `Kind`. `fastPath`: see `KvmOptions`. */
  constructor(
    options: PlatformOptions,
    userStub: boolean,
    private readonly fastPath = true,
    /** Debug registers work here; asked when the first is wanted. */
    readonly hasBreakpoints: () => boolean = () => true,
    largePages = false,
  ) {
    this.capabilities = {
      // Software KVM does not take the control bit for it over to user mode.
      trapsTsc: !userStub,
      trapsCpuid: false,
      faultAccessKnown: true,
      inGuestFastPath: fastPath,
    };
    this.machine = new Machine(options.memory, userStub, options.trapTsc, largePages);
    this.cpus = new Cpus(this.machine);
    this.fast = new FastPath(options.memory, fastPlaces);
    this.machine.show(this.fast.tableOffset, TABLE_BYTES);
    this.machine.show(this.fast.thunksOffset, THUNKS_BYTES);
    this.initialFpu = initialState(this.machine.device.fpuSize);
    this.driver.register(this);
  }

  createContext(): KvmContext {
    return new KvmContext(new KvmAddressSpace(this));
  }

  setActive(active: boolean): void {
    this.active = active;
    this.driver.updateReference();
  }

  setAlarm(deadline: number, fn: () => void): void {
    this.alarmAt = deadline;
    this.alarmFn = fn;
    this.driver.alarmChanged(deadline);
  }

  setCodeAccess(access: CodeAccess | null): void {
    this.fast.access = this.fastPath ? access : null;
  }

  slowSites(): { address: number; calls: number; code: Uint8Array }[] {
    return this.fast.slowSites();
  }

  stats(): Record<string, number> {
    return {
      ...this.driver.counters,
      moves: this.cpus.moves,
      vcpus: this.cpus.count,
      spaces: this.spaces.size,
      tablePages: this.machine.pages.used,
      largeEntries: this.machine.pages.large,
      forgotten: this.machine.forgotten,
    };
  }

  dispose(): void {
    if (this.disposed) return;
    this.active = false;
    this.alarmAt = Number.POSITIVE_INFINITY;
    this.alarmFn = null;
    this.driver.unregister(this);
    this.disposed = true;
    for (const space of this.spaces) space.dead = true;
    this.spaces.clear();
    this.cpus.dispose();
    const { memory } = this.machine;
    memory.decRef(this.fast.tableOffset, TABLE_BYTES);
    memory.decRef(this.fast.thunksOffset, THUNKS_BYTES);
    this.machine.dispose();
  }
}
