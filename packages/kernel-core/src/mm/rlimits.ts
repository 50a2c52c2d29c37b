import {
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_CPU,
  RLIMIT_DATA,
  RLIMIT_FSIZE,
  RLIMIT_LOCKS,
  RLIMIT_MEMLOCK,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_RSS,
  RLIMIT_RTPRIO,
  RLIMIT_RTTIME,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
} from '@sandbox/abi';

/**
 * RLIM_INFINITY as a number: 2^64-1 is not exact, Infinity compares right and is written back as all ones.
 */
export const INFINITE = Number.POSITIVE_INFINITY;

const COUNT = 16;

/** getrlimit(2): soft and hard limits of a process. */
export class Limits {
  readonly soft: number[] = new Array(COUNT).fill(INFINITE);
  readonly hard: number[] = new Array(COUNT).fill(INFINITE);

  /** What Linux gives to init, with `processes` as RLIMIT_NPROC. */
  static initial(processes: number): Limits {
    const l = new Limits();
    l.set(RLIMIT_CPU, INFINITE, INFINITE);
    l.set(RLIMIT_FSIZE, INFINITE, INFINITE);
    l.set(RLIMIT_DATA, INFINITE, INFINITE);
    l.set(RLIMIT_STACK, 8 * 1024 * 1024, INFINITE);
    l.set(RLIMIT_CORE, 0, INFINITE);
    l.set(RLIMIT_RSS, INFINITE, INFINITE);
    l.set(RLIMIT_NPROC, processes, processes);
    l.set(RLIMIT_NOFILE, 1024, 1048576);
    l.set(RLIMIT_MEMLOCK, 8 * 1024 * 1024, 8 * 1024 * 1024);
    l.set(RLIMIT_AS, INFINITE, INFINITE);
    l.set(RLIMIT_LOCKS, INFINITE, INFINITE);
    l.set(RLIMIT_SIGPENDING, processes, processes);
    l.set(RLIMIT_MSGQUEUE, 819200, 819200);
    l.set(RLIMIT_NICE, 0, 0);
    l.set(RLIMIT_RTPRIO, 0, 0);
    l.set(RLIMIT_RTTIME, INFINITE, INFINITE);
    return l;
  }

  set(resource: number, soft: number, hard: number): void {
    this.soft[resource] = soft;
    this.hard[resource] = hard;
  }

  clone(): Limits {
    const l = new Limits();
    for (let i = 0; i < COUNT; i++) l.set(i, this.soft[i]!, this.hard[i]!);
    return l;
  }
}
