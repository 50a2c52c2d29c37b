import { EINVAL, ERANGE, MSGMAX, MSGMNB, MSGMNI, SEMMNI, SEMMNS, SEMMSL, SEMOPM, SHMMNI } from '@sandbox/abi';

const INT_MAX = 0x7fffffff;
/** Ids there are of each kind (IPCMNI). */
const IDS = 32768;
/** SHMMAX and SHMALL: ULONG_MAX - 2^24. */
const SHM_UNLIMITED = 2n ** 64n - 1n - 2n ** 24n;
const ULONG_MAX = 2n ** 64n - 1n;

/**
 * What one ipc namespace's objects may be, as /proc/sys/kernel sets it (ipc_namespaces(7),
 * proc_sys_kernel(5)).
 */
export class SysvLimits {
  msgmax = MSGMAX;
  msgmnb = MSGMNB;
  msgmni = MSGMNI;
  /** Semaphores of a set, of all sets, operations of a call, sets. */
  readonly sem = [SEMMSL, SEMMNS, SEMOPM, SEMMNI];
  /** Bytes of a segment, pages of all. They are unsigned words of 64 bits. */
  shmmax = SHM_UNLIMITED;
  shmall = SHM_UNLIMITED;
  shmmni = SHMMNI;

  get semmsl(): number {
    return this.sem[0]!;
  }
  get semmns(): number {
    return this.sem[1]!;
  }
  get semopm(): number {
    return this.sem[2]!;
  }
  get semmni(): number {
    return this.sem[3]!;
  }
}

/** A parameter of them: its text, and what changes it (0, -EINVAL, -ERANGE). */
export interface SysvParameter {
  readonly get: (limits: SysvLimits) => string;
  readonly set: (limits: SysvLimits, text: string) => number;
}

function number(name: 'msgmax' | 'msgmnb' | 'msgmni' | 'shmmni', max: number): SysvParameter {
  return {
    get: (limits) => String(limits[name]),
    set: (limits, text) => {
      const [value, ...more] = numbersIn(text) ?? [];
      if (value === undefined || more.length > 0 || value < 0n || value > BigInt(max)) return -EINVAL;
      limits[name] = Number(value);
      return 0;
    },
  };
}

function word(name: 'shmmax' | 'shmall'): SysvParameter {
  return {
    get: (limits) => String(limits[name]),
    set: (limits, text) => {
      const [value, ...more] = numbersIn(text) ?? [];
      if (value === undefined || more.length > 0 || value < 0n || value > ULONG_MAX) return -EINVAL;
      limits[name] = value;
      return 0;
    },
  };
}

/** Fewer than four set the first ones (proc_dointvec). */
const SEM: SysvParameter = {
  get: ({ sem }) => sem.join('\t'),
  set: (limits, text) => {
    const values = numbersIn(text);
    if (values === null || values.length > limits.sem.length) return -EINVAL;
    if (values.some((value) => value < -INT_MAX - 1 || value > INT_MAX)) return -EINVAL;
    for (const [i, value] of values.slice(0, 3).entries()) limits.sem[i] = Number(value);
    const sets = values[3];
    if (sets === undefined) return 0;
    if (sets < 0n || sets > IDS) return -ERANGE;
    limits.sem[3] = Number(sets);
    return 0;
  },
};

/** By their names in /proc/sys/kernel. */
export const SYSV_PARAMETERS: Readonly<Record<string, SysvParameter>> = {
  msgmax: number('msgmax', INT_MAX),
  msgmnb: number('msgmnb', INT_MAX),
  msgmni: number('msgmni', IDS),
  sem: SEM,
  shmmax: word('shmmax'),
  shmall: word('shmall'),
  shmmni: number('shmmni', IDS),
};

/** Numbers between white space; null: something else, or none. */
function numbersIn(text: string): bigint[] | null {
  const words = text.replace(/\0.*$/s, '').trim().split(/\s+/);
  return words.every((w) => /^-?\d{1,20}$/.test(w)) ? words.map(BigInt) : null;
}
