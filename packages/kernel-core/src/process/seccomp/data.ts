import { SECCOMP_DATA } from '@sandbox/abi';
import { SECCOMP_INSTRUCTIONS } from '../../bpf/instructions.js';
import { BpfProgram, type BpfSource } from '../../bpf/program.js';

/** Words of `struct seccomp_data` known before a call is made. */
const NR_WORD = SECCOMP_DATA.nr / 4;
const ARCH_WORD = SECCOMP_DATA.arch / 4;

/** A call as the filters of seccomp(2) see it: `struct seccomp_data` as sixteen words. */
export class SeccompData implements BpfSource {
  readonly words = new Uint32Array(SECCOMP_DATA.SIZE / 4);
  readonly length = SECCOMP_DATA.SIZE;
  /** Only number and architecture are known yet (seccomp_is_const_allow). */
  constant = false;

  load(offset: number): number {
    const word = offset >>> 2;
    return this.constant && word !== NR_WORD && word !== ARCH_WORD ? -1 : this.words[word]!;
  }
}

/**
 * A filter of seccomp(2) from an array of `struct sock_filter`; null when it is no program seccomp accepts
 * (EINVAL).
 */
export function parseSeccomp(bytes: Uint8Array): BpfProgram | null {
  return BpfProgram.parse(bytes, SECCOMP_INSTRUCTIONS, (at) => at < SECCOMP_DATA.SIZE && at % 4 === 0);
}
