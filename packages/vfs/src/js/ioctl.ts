import { _IOC_NRBITS, _IOC_SIZEBITS, _IOC_TYPEBITS, EFAULT } from '@sandbox/abi';
import type { UserMemory } from '../core/file.js';
import type { JsIoctl, JsMemory } from './ops.js';

const SIZE_SHIFT = _IOC_NRBITS + _IOC_TYPEBITS;
const DIRECTION_SHIFT = SIZE_SHIFT + _IOC_SIZEBITS;
/** The program writes to the driver, or reads from it (Linux: _IOC_WRITE, _IOC_READ). */
const WRITES = 1;
const READS = 2;

/** The program's memory for as long as its handler runs. */
class CallMemory implements JsMemory {
  constructor(private memory: UserMemory | null) {}

  end(): void {
    this.memory = null;
  }

  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if ((this.memory?.copyIn(address, bytes, 0, length) ?? -EFAULT) < 0) throw fault();
    return bytes;
  }

  write(address: number, bytes: Uint8Array): void {
    if ((this.memory?.copyOut(address, bytes, 0, bytes.length) ?? -EFAULT) < 0) throw fault();
  }
}

function fault(): Error {
  return Object.assign(new Error('EFAULT: no memory of the program at this address, or its call is over'), {
    code: 'EFAULT',
  });
}

/** What an ioctl brings and takes, by what its number says of direction and size (asm-generic/ioctl.h). */
export class IoctlArgument {
  readonly memory: CallMemory;
  private readonly data: Uint8Array;
  private readonly direction: number;

  constructor(
    readonly command: number,
    readonly argument: number,
    private readonly user: UserMemory,
  ) {
    this.memory = new CallMemory(user);
    this.direction = command >>> DIRECTION_SHIFT;
    const size = (command >>> SIZE_SHIFT) & (2 ** _IOC_SIZEBITS - 1);
    this.data = new Uint8Array(this.direction === 0 ? 0 : size);
  }

  /** 0 or -EFAULT. */
  copyIn(): number {
    if ((this.direction & WRITES) === 0) return 0;
    return this.user.copyIn(this.argument, this.data, 0, this.data.length);
  }

  copyOut(user: UserMemory): number {
    if ((this.direction & READS) === 0) return 0;
    return user.copyOut(this.argument, this.data, 0, this.data.length);
  }

  request(signal: AbortSignal): JsIoctl {
    const { command, argument, data, memory } = this;
    return { command, argument, data, memory, signal };
  }
}
