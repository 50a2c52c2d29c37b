import { KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS } from './abi.js';
import { argumentAddress, argumentBytes, argumentView, mustIoctl, putU64 } from './ioctl.host.js';

/** struct kvm_debugregs: DR0 to DR3, DR6, DR7, flags, and room. */
const BYTES = 128;
const STATUS = 32;
const CONTROL_AT = 40;
/** Number of the control register. */
const CONTROL = 7;
/** What no bit of DR6 and DR7 says: Intel SDM vol. 3, 18.2.3 and 18.2.4. */
const STATUS_NOTHING = 0xffff0ff0;
const CONTROL_NOTHING = 0x400;
/**
 * The breakpoints' enable bits, LE and GE, their kinds and lengths; not GD, which would keep the registers
 * from KVM.
 */
const CONTROL_BITS = 0xffff03ff;
/** B0 to B3, BS. */
const STATUS_BITS = 0x400f;
const KIND_EXECUTE = 0;
const KIND_IO = 2;

/**
 * The hardware breakpoints of one context (Intel SDM vol. 3, 18.2): loaded into the virtual CPU that carries
 * it.
 */
export class DebugRegisters {
  private readonly addresses = [0, 0, 0, 0];
  private control = 0;

  /**
   * `end`: first address no breakpoint may have: beyond it are pieces of the platform. False: no such
   * register, or value.
   */
  set(n: number, value: number, end: number): boolean {
    if (n === CONTROL) {
      const control = (value & CONTROL_BITS) >>> 0;
      for (let i = 0; i < 4; i++) if (enables(control, i) && !isPossible(control, i)) return false;
      this.control = control;
      return true;
    }
    if (n < 0 || n >= 4 || value < 0 || value >= end) return false;
    this.addresses[n] = value;
    return true;
  }

  load(fd: number): void {
    store(fd, this.addresses, this.control);
  }

  /** DR6 of a debug exception, with those bits that breakpoints account for; it is cleared. */
  takeStatus(fd: number): number {
    mustIoctl('KVM_GET_DEBUGREGS', fd, KVM_GET_DEBUGREGS, argumentAddress);
    let status = argumentView.getUint32(STATUS, true) & STATUS_BITS;
    if (status === 0) return 0;
    this.load(fd);
    for (let i = 0; i < 4; i++) if (!enables(this.control, i)) status &= ~(1 << i);
    return status;
  }

  /**
   * Was one of the breakpoints of `status` an instruction's? It stops before that one, and again unless RF is
   * set.
   */
  isInstruction(status: number): boolean {
    for (let i = 0; i < 4; i++) {
      if ((status & (1 << i)) !== 0 && kind(this.control, i) === KIND_EXECUTE) return true;
    }
    return false;
  }
}

function enables(control: number, i: number): boolean {
  return ((control >>> (2 * i)) & 3) !== 0;
}
function kind(control: number, i: number): number {
  return (control >>> (16 + 4 * i)) & 3;
}
/** Ports are not watched (CR4.DE), and an instruction has no length. */
function isPossible(control: number, i: number): boolean {
  const of = kind(control, i);
  return of !== KIND_IO && (of !== KIND_EXECUTE || ((control >>> (18 + 4 * i)) & 3) === 0);
}

function store(fd: number, addresses: readonly number[], control: number): void {
  argumentBytes.fill(0, 0, BYTES);
  for (let i = 0; i < 4; i++) putU64(argumentView, i * 8, addresses[i]!);
  putU64(argumentView, STATUS, STATUS_NOTHING);
  putU64(argumentView, CONTROL_AT, (control | CONTROL_NOTHING) >>> 0);
  mustIoctl('KVM_SET_DEBUGREGS', fd, KVM_SET_DEBUGREGS, argumentAddress);
}

/** Virtual CPU `fd` has no breakpoints any more. */
export function clearDebugRegisters(fd: number): void {
  store(fd, [0, 0, 0, 0], 0);
}
