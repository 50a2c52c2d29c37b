import { INFINITE, type Limits } from '@sandbox/kernel-core/mm';
import type { UserNamespace } from '@sandbox/kernel-core/process';
import { Cred, parseSeccomp, SeccompFilter } from '@sandbox/kernel-core/process';
import { checkBoolean, checkList, checkObject, checkRecord } from './check.js';
import { InvalidOptionError } from './errors.js';
import type { UserOption } from './options.js';

/** The five sets of capabilities(7), each by names such as 'CAP_KILL'. A set left out is empty. */
export interface CapabilityOption {
  bounding?: readonly string[];
  effective?: readonly string[];
  permitted?: readonly string[];
  inheritable?: readonly string[];
  ambient?: readonly string[];
}

/** getrlimit(2): 'unlimited' is RLIM_INFINITY. */
export interface RlimitOption {
  soft: number | 'unlimited';
  hard: number | 'unlimited';
}

/** A filter of seccomp(2): its program as `struct sock_filter`s, 8 bytes each. */
export interface SeccompOption {
  program: Uint8Array;
  /** SECCOMP_FILTER_FLAG_LOG. */
  log?: boolean;
}

/** What a program may do, beyond who it runs as. */
export interface RightsOptions {
  /**
   * Default: all for user 0, none for others. execve's rules apply to them: user 0 is given what is in
   * `bounding`.
   */
  capabilities?: CapabilityOption;
  /** By name, such as 'RLIMIT_NOFILE'; those left out are the kernel's. */
  rlimits?: Readonly<Record<string, RlimitOption>>;
  /** No program it executes gets more rights (prctl(2), PR_SET_NO_NEW_PRIVS). Default false. */
  noNewPrivileges?: boolean;
  /**
   * Filters on its system calls, the first one installed first. They apply to the program, not to its being
   * started.
   */
  seccomp?: readonly SeccompOption[];
  /** -1000 to 1000: who is killed first when memory is short (proc_pid_oom_score_adj(5)). Default 0. */
  oomScoreAdj?: number;
}

const CAPABILITY_OPTIONS: Record<keyof CapabilityOption, true> = {
  bounding: true,
  effective: true,
  permitted: true,
  inheritable: true,
  ambient: true,
};
const RLIMIT_OPTIONS: Record<keyof RlimitOption, true> = { soft: true, hard: true };
const SECCOMP_OPTIONS: Record<keyof SeccompOption, true> = { program: true, log: true };

/** Names by number, in lower case and without CAP_. */
const CAPABILITIES =
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'.split(
    ' ',
  );
const RLIMITS =
  'cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio rttime'.split(
    ' ',
  );

/** Capabilities this kernel knows, by number. */
export const CAPABILITY_NAMES: readonly string[] = CAPABILITIES.map((name) => `CAP_${name.toUpperCase()}`);

function capabilityNumber(name: string): number {
  return CAPABILITY_NAMES.indexOf(name);
}

function setOf(option: string, names: readonly string[] | undefined): [number, number] {
  let lo = 0;
  let hi = 0;
  for (const name of names === undefined ? [] : checkList(option, names)) {
    const n = capabilityNumber(name);
    if (n < 0) throw new InvalidOptionError(option, `'${String(name)}' is no capability`);
    if (n < 32) lo = (lo | (1 << n)) >>> 0;
    else hi |= 1 << (n - 32);
  }
  return [lo, hi];
}

/**
 * The credentials of a new program. `ns`: the user namespace it begins in, whose ids `user` is given in.
 * Throws InvalidOptionError.
 */
export function applyRights(
  user: Required<UserOption>,
  ns: UserNamespace | null,
  options: RightsOptions,
): Cred {
  const id = (map: 'uids' | 'gids', value: number): number => {
    const kernelId = ns === null ? value : ns[map].toKernel(value);
    if (kernelId < 0) throw new InvalidOptionError('user', `id ${value} has no place in the user namespace`);
    return kernelId;
  };
  const groups = user.groups.map((g) => id('gids', g));
  const cred = Cred.forUser(id('uids', user.uid), id('gids', user.gid), groups);
  if (ns !== null) cred.userNs = ns;
  if (user.uid === 0) cred.setAll();
  const { capabilities: caps } = options;
  if (caps !== undefined) {
    checkObject('capabilities', caps, CAPABILITY_OPTIONS);
    [cred.boundingLo, cred.boundingHi] = setOf('capabilities.bounding', caps.bounding);
    [cred.effectiveLo, cred.effectiveHi] = setOf('capabilities.effective', caps.effective);
    [cred.permittedLo, cred.permittedHi] = setOf('capabilities.permitted', caps.permitted);
    [cred.inheritableLo, cred.inheritableHi] = setOf('capabilities.inheritable', caps.inheritable);
    [cred.ambientLo, cred.ambientHi] = setOf('capabilities.ambient', caps.ambient);
    // What is ambient is permitted and inheritable as well (capabilities(7)).
    cred.ambientLo = (cred.ambientLo & cred.permittedLo & cred.inheritableLo) >>> 0;
    cred.ambientHi &= cred.permittedHi & cred.inheritableHi;
  }
  cred.noNewPrivs = checkBoolean('noNewPrivileges', options.noNewPrivileges ?? false);
  return cred;
}

export function applyLimits(limits: Limits, options: Readonly<Record<string, RlimitOption>> = {}): void {
  for (const [name, limit] of Object.entries(checkRecord('rlimits', options))) {
    const { soft, hard } = checkObject(`rlimits.${name}`, limit, RLIMIT_OPTIONS);
    const n = RLIMITS.findIndex((known) => `RLIMIT_${known.toUpperCase()}` === name);
    if (n < 0) throw new InvalidOptionError('rlimits', `'${name}' is no limit`);
    const [s, h] = [soft, hard].map((value) => {
      if (value === 'unlimited') return INFINITE;
      if (typeof value === 'number' && value >= 0) return Math.floor(value);
      throw new InvalidOptionError(`rlimits.${name}`, "numbers or 'unlimited' are needed");
    });
    if (s! > h!) throw new InvalidOptionError(`rlimits.${name}`, 'the soft limit is above the hard one');
    limits.set(n, s!, h!);
  }
}

/** The filters as one chain. */
export function makeFilter(options: readonly SeccompOption[] = []): SeccompFilter | null {
  let filter: SeccompFilter | null = null;
  for (const [i, option] of checkList('seccomp', options).entries()) {
    const { program, log = false } = checkObject(`seccomp[${i}]`, option, SECCOMP_OPTIONS);
    const parsed = program instanceof Uint8Array ? parseSeccomp(program) : null;
    if (parsed === null)
      throw new InvalidOptionError(`seccomp[${i}].program`, 'a program the kernel accepts is needed');
    filter = new SeccompFilter(parsed, filter, checkBoolean(`seccomp[${i}].log`, log), null);
  }
  return filter;
}
