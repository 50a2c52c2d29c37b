import { PR_MDWE_NO_INHERIT, PR_MDWE_REFUSE_EXEC_GAIN, PROT_EXEC, PROT_WRITE } from '@sandbox/abi';

/**
 * What core dumps hold by default: private and shared anonymous memory, ELF headers, private huge pages
 * (core(5)).
 */
const DEFAULT_COREDUMP_FILTER = 0x33;

/** Settings of an address space that fork and execve pass on (Linux: MMF_INIT_MASK). */
export class MemorySettings {
  /** PR_SET_MDWE: PR_MDWE_*. */
  mdwe = 0;
  /** PR_SET_MEMORY_MERGE. Recorded: no memory is merged. */
  mergeAny = false;
  /** /proc/PID/coredump_filter. */
  coredumpFilter = DEFAULT_COREDUMP_FILTER;

  inherit(from: MemorySettings): void {
    this.mdwe = (from.mdwe & PR_MDWE_NO_INHERIT) !== 0 ? 0 : from.mdwe;
    this.mergeAny = from.mergeAny;
    this.coredumpFilter = from.coredumpFilter;
  }

  /**
   * May memory with the protection `old` get `next`? None that was writable becomes executable
   * (map_deny_write_exec).
   */
  deniesExec(old: number, next: number): boolean {
    if ((this.mdwe & PR_MDWE_REFUSE_EXEC_GAIN) === 0 || (next & PROT_EXEC) === 0) return false;
    return (next & PROT_WRITE) !== 0 || (old & PROT_EXEC) === 0;
  }
}
