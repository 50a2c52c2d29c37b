import { EINVAL } from '@sandbox/abi';

/** Longest core_pattern (Linux: CORENAME_MAX_SIZE). */
const PATTERN_MAX = 127;

/** /proc/sys/kernel/core_pattern and core_uses_pid (core(5)). */
export class CoreSettings {
  pattern = 'core';
  usesPid = false;

  /** 0, or -EINVAL for a pipe: programs are not started to take dumps. */
  setPattern(text: string): number {
    const pattern = text.replace(/\n.*$/s, '').slice(0, PATTERN_MAX);
    if (pattern.startsWith('|')) return -EINVAL;
    this.pattern = pattern;
    return 0;
  }
}
