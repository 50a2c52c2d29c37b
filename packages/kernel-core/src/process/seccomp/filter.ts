import { AUDIT_ARCH_X86_64, SECCOMP_DATA, SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ALLOW } from '@sandbox/abi';
import type { BpfProgram } from '../../bpf/program.js';
import type { Task } from '../task/task.js';
import { SeccompData } from './data.js';
import type { Notifier } from './notifier.js';

/** Numbers for which a filter's answer may be known in advance. */
const CACHED_CALLS = 512;

/** `struct seccomp_data` of the call being judged, as words. */
const call = new SeccompData();
export const seccompData = call.words;
seccompData[SECCOMP_DATA.arch / 4] = AUDIT_ARCH_X86_64;

/** What the last `judge` found: which filter spoke (Linux: *match). */
export let matched: SeccompFilter | null = null;

/**
 * One installed filter and those installed before it, which all are asked (Linux: struct seccomp_filter).
 * Immutable: threads and children share it.
 */
export class SeccompFilter {
  /** Instructions of the whole chain, with Linux's charge for each filter (MAX_INSNS_PER_PATH). */
  readonly total: number;
  /** Filters in the chain. */
  readonly depth: number;
  /** One bit a call number: the whole chain allows it whatever its arguments. */
  private readonly allowed = new Uint32Array(CACHED_CALLS / 32);

  constructor(
    readonly program: BpfProgram,
    readonly prev: SeccompFilter | null,
    /** SECCOMP_FILTER_FLAG_LOG. */
    readonly log: boolean,
    /** Where SECCOMP_RET_USER_NOTIF goes, null when nobody listens. */
    readonly notifier: Notifier | null,
  ) {
    this.total = program.charge + (prev === null ? 0 : prev.total + 4);
    this.depth = prev === null ? 1 : prev.depth + 1;
    call.constant = true;
    for (let nr = 0; nr < CACHED_CALLS; nr++) {
      if (prev !== null && !prev.alwaysAllows(nr)) continue;
      seccompData[SECCOMP_DATA.nr / 4] = nr;
      if (program.run(call) === SECCOMP_RET_ALLOW) this.allowed[nr >>> 5]! |= 1 << (nr & 31);
    }
    call.constant = false;
  }

  alwaysAllows(nr: number): boolean {
    return nr >= 0 && nr < CACHED_CALLS && (this.allowed[nr >>> 5]! & (1 << (nr & 31))) !== 0;
  }

  /** Is this filter `other`, or one of those `other` was added to? */
  isAncestorOf(other: SeccompFilter | null): boolean {
    for (let f = other; f !== null; f = f.prev) if (f === this) return true;
    return false;
  }

  /** Some filter of the chain has a listener. */
  get hasListener(): boolean {
    for (let f: SeccompFilter | null = this; f !== null; f = f.prev) if (f.notifier !== null) return true;
    return false;
  }

  /** A thread under this chain has ended: listeners learn of it when it was the last. */
  release(tasks: Iterable<Task>): void {
    for (let f: SeccompFilter | null = this; f !== null; f = f.prev) f.notifier?.threadLeft(tasks);
  }

  /**
   * Ask all filters about `seccompData`: the strictest answer, the latest filter's where they are equal
   * (seccomp_run_filters).
   */
  judge(): number {
    let word = SECCOMP_RET_ALLOW;
    matched = null;
    for (let f: SeccompFilter | null = this; f !== null; f = f.prev) {
      const w = f.program.run(call);
      if ((w & SECCOMP_RET_ACTION_FULL) < (word & SECCOMP_RET_ACTION_FULL)) {
        word = w;
        matched = f;
      }
    }
    return word;
  }
}
