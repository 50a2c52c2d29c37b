import {
  EACCES,
  EBADFD,
  EBUSY,
  EFAULT,
  EINVAL,
  IO_URING_RESTRICTION,
  IORING_OP_LAST,
  IORING_REGISTER_LAST,
  IORING_RESTRICTION_REGISTER_OP,
  IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
  IORING_RESTRICTION_SQE_FLAGS_REQUIRED,
  IORING_RESTRICTION_SQE_OP,
} from '@sandbox/abi';
import type { Task } from '../../process/task/task.js';

const S = IO_URING_RESTRICTION;
/** Linux: IORING_MAX_RESTRICTIONS. */
const MAX = IORING_RESTRICTION_SQE_FLAGS_REQUIRED + 1 + IORING_REGISTER_LAST + IORING_OP_LAST;

/** What a ring may be used for (IORING_REGISTER_RESTRICTIONS), from when it is enabled. */
export class Restrictions {
  private registered = false;
  private active = false;
  private readonly registerOps = new Set<number>();
  private readonly sqeOps = new Set<number>();
  private allowed = 0;
  private required = 0;

  /** The ring is enabled: they hold. */
  activate(): void {
    this.active = this.registered;
  }

  /** An entry: 0 or -EACCES. */
  check(opcode: number, flags: number): number {
    if (!this.active) return 0;
    if (!this.sqeOps.has(opcode) || (flags & this.required) !== this.required) return -EACCES;
    return (flags & ~(this.allowed | this.required)) !== 0 ? -EACCES : 0;
  }

  /** An operation of io_uring_register(2): 0 or -EACCES. */
  checkRegister(op: number): number {
    return this.active && !this.registerOps.has(op) ? -EACCES : 0;
  }

  /** `count` of `struct io_uring_restriction` at `arg`; `disabled`: the ring has not been enabled yet. */
  register(t: Task, disabled: boolean, arg: number, count: number): number {
    if (!disabled) return -EBADFD;
    if (this.registered) return -EBUSY;
    if (arg === 0 || count > MAX) return -EINVAL;
    const bytes = new Uint8Array(count * S.SIZE);
    if (t.mm.copyIn(arg, bytes, 0, bytes.length) < 0) return -EFAULT;
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += S.SIZE) {
      if (this.add(view.getUint16(at + S.opcode, true), bytes[at + S.value]!)) continue;
      this.registerOps.clear();
      this.sqeOps.clear();
      this.allowed = this.required = 0;
      return -EINVAL;
    }
    this.registered = true;
    return 0;
  }

  private add(what: number, value: number): boolean {
    switch (what) {
      case IORING_RESTRICTION_REGISTER_OP:
        this.registerOps.add(value);
        return value < IORING_REGISTER_LAST;
      case IORING_RESTRICTION_SQE_OP:
        this.sqeOps.add(value);
        return value < IORING_OP_LAST;
      case IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
        this.allowed = value;
        return true;
      case IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
        this.required = value;
        return true;
      default:
        return false;
    }
  }
}
