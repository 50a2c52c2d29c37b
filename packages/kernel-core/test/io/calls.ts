import { Vfs } from '@sandbox/vfs';
import { FdTable } from '../../src/process/files/fd-table.js';
import type { Task } from '../../src/process/task/task.js';
import { rows as close } from '../../src/syscalls/io/close.js';
import { rows as epoll } from '../../src/syscalls/io/epoll.js';
import { rows as eventfd } from '../../src/syscalls/io/eventfd.js';
import { rows as fcntl } from '../../src/syscalls/io/fcntl.js';
import { rows as pipe } from '../../src/syscalls/io/pipe.js';
import { rows as poll } from '../../src/syscalls/io/poll.js';
import { rows as read } from '../../src/syscalls/io/read.js';
import { rows as receive } from '../../src/syscalls/io/receive.js';
import { rows as send } from '../../src/syscalls/io/send.js';
import { rows as socket } from '../../src/syscalls/io/socket.js';
import { rows as sockopt } from '../../src/syscalls/io/sockopt.js';
import { rows as timerfd } from '../../src/syscalls/io/timerfd.js';
import { rows as write } from '../../src/syscalls/io/write.js';
import { testEnvironment } from '../fs/environment.js';
import { FakeKernel, type FakeTask } from '../support/fake-kernel.js';

const rows = [
  close,
  epoll,
  eventfd,
  fcntl,
  pipe,
  poll,
  read,
  receive,
  send,
  socket,
  sockopt,
  timerfd,
  write,
].flat();

/** A process with descriptors, and memory to pass arguments in. Offsets are in that memory. */
export class Caller {
  constructor(
    private readonly fake: FakeTask,
    readonly memory: number,
  ) {}

  get task(): Task {
    return this.fake.task;
  }
  /** Result of the call that blocked, once it has one. */
  get result(): number | null {
    return this.fake.result;
  }
  call(nr: number, ...args: number[]): number | null {
    return this.fake.call(nr, ...args);
  }
  /** Address of `offset`. */
  at(offset: number): number {
    return this.memory + offset;
  }
  /** Store text, or 32-bit words; the address. */
  put(offset: number, data: readonly number[] | string | Uint8Array): number {
    let raw: Uint8Array;
    if (typeof data === 'string') raw = Buffer.from(data, 'latin1');
    else raw = data instanceof Uint8Array ? data : new Uint8Array(Int32Array.from(data).buffer);
    this.task.mm.copyOut(this.at(offset), raw, 0, raw.length);
    return this.at(offset);
  }
  text(offset: number, length: number): string {
    const b = new Uint8Array(length);
    this.task.mm.copyIn(this.at(offset), b, 0, length);
    return Buffer.from(b).toString('latin1');
  }
  word(offset: number): number {
    return this.task.mm.load32(this.at(offset)) | 0;
  }
  /** What pipe and socketpair store at `offset`. */
  pair(offset: number): [number, number] {
    return [this.word(offset), this.word(offset + 4)];
  }
}

/** A kernel with the I/O calls and nothing else. */
export class IoKernel extends FakeKernel {
  constructor() {
    super(rows);
    this.core.mountEnv = testEnvironment();
    this.core.vfs = new Vfs(this.core.mountEnv);
  }

  caller(): Caller {
    const fake = this.process();
    fake.task.files = new FdTable();
    return new Caller(fake, this.map(fake, 1 << 20));
  }

  /** A further thread of `of`: the same descriptors and memory. */
  sibling(of: Caller): Caller {
    const fake = this.thread({ task: of.task } as FakeTask);
    fake.task.files = of.task.files;
    fake.task.files.users++;
    return new Caller(fake, of.memory);
  }
}
