import { allocatePages, hostSyscall, viewOf } from '@sandbox/native';

/** On-CPU time of a traced thread, from its schedstat file (proc(5)). */
export class ThreadCpuTime {
  private readonly memory = allocatePages(4096);
  private readonly bytes = new Uint8Array(viewOf(this.memory, 4096));

  read(pid: number, tid: number): number {
    const path = `/proc/${pid}/task/${tid}/schedstat\0`;
    for (let i = 0; i < path.length; i++) this.bytes[i] = path.charCodeAt(i);
    const fd = hostSyscall(257, -100, this.memory, 0x80000, 0);
    if (fd < 0) return 0;
    const n = hostSyscall(0, fd, this.memory + 256, 64);
    hostSyscall(3, fd);
    let value = 0;
    for (let i = 0; i < n; i++) {
      const digit = this.bytes[256 + i] - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return value;
  }
}
