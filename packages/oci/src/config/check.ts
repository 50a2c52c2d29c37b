import { existsSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { errnoText, Failure } from '../failure.js';
import type { OciConfig } from './types.js';

const NAMESPACES = new Set(['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time']);
const PROPAGATIONS = new Set([
  '',
  'private',
  'shared',
  'slave',
  'unbindable',
  'rprivate',
  'rshared',
  'rslave',
  'runbindable',
]);
const ACTIONS = /^SCMP_ACT_(KILL|KILL_PROCESS|KILL_THREAD|TRAP|ERRNO|TRACE|ALLOW|LOG|NOTIFY)$/;
const CLOCKS = new Set(['monotonic', 'boottime']);
const DOMAINS = new Set(['LINUX', 'LINUX32']);
/** Kernel parameters that belong to the ipc namespace (sysctl(8), ipc_namespaces(7)). */
const IPC_SYSCTL =
  /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\..+)$/;

/** Where the root file system of a bundle is. */
export function rootPath(config: OciConfig, bundle: string): string {
  return resolve(bundle, config.root!.path);
}

/**
 * What runtimes refuse for reasons no schema knows, in the order and words of runc. `config` may still be of
 * any shape. Throws Failure.
 */
export function checkConfig(config: OciConfig, bundle: string): void {
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new Failure('config.json holds no JSON object');
  const { process } = config;
  if (process === undefined || process === null) throw new Failure('process property must not be empty');
  if (typeof process !== 'object') throw new Failure('json: process is no object');
  if (process.cwd === undefined || process.cwd === '') throw new Failure('Cwd property must not be empty');
  if (typeof process.cwd === 'string' && !isAbsolute(process.cwd))
    throw new Failure('Cwd must be an absolute path');
  if (process.args === undefined || (Array.isArray(process.args) && process.args.length === 0))
    throw new Failure('args must not be empty');
  if (!config.root) throw new Failure('root must be specified');
  checkLinux(config);
  if (typeof config.root.path !== 'string') return;
  const path = rootPath(config, bundle);
  try {
    if (!statSync(path).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
  } catch (error) {
    throw new Failure(`invalid rootfs: stat ${path}: ${errnoText(error)}`);
  }
}

function checkLinux(config: OciConfig): void {
  const { linux } = config;
  const seen = new Set<string>();
  for (const { type, path } of arrayOf(linux?.namespaces)) {
    if (!NAMESPACES.has(type)) throw new Failure(`namespace {"${type}" "${path ?? ''}"} does not exist`);
    if (seen.has(type)) throw new Failure(`malformed spec file: duplicated ns {"${type}" "${path ?? ''}"}`);
    seen.add(type);
  }
  if (linux?.rootfsPropagation !== undefined && !PROPAGATIONS.has(linux.rootfsPropagation))
    throw new Failure(`rootfsPropagation=${linux.rootfsPropagation} is not supported`);
  for (const { type } of arrayOf(config.process?.rlimits)) {
    if (
      !/^RLIMIT_(CPU|FSIZE|DATA|STACK|CORE|RSS|NPROC|NOFILE|MEMLOCK|AS|LOCKS|SIGPENDING|MSGQUEUE|NICE|RTPRIO|RTTIME)$/.test(
        type,
      )
    )
      throw new Failure(`wrong rlimit value: ${type}`);
  }
  if (seen.has('user') && !linux?.namespaces?.find((ns) => ns.type === 'user')?.path) {
    if (arrayOf(linux?.uidMappings).length === 0)
      throw new Failure('User namespaces enabled, but no uid mappings found.');
    if (arrayOf(linux?.gidMappings).length === 0)
      throw new Failure('User namespaces enabled, but no gid mappings found.');
  }
  for (const { type } of arrayOf(linux?.devices)) {
    if (typeof type === 'string' && !/^[cubp]$/.test(type))
      throw new Failure(`invalid device type "${type}"`);
  }
  const { seccomp } = linux ?? {};
  for (const action of [seccomp?.defaultAction, ...arrayOf(seccomp?.syscalls).map((rule) => rule.action)]) {
    if (action !== undefined && !ACTIONS.test(action))
      throw new Failure(`string ${action} is not a valid action for seccomp`);
  }
  if (linux?.timeOffsets !== undefined && linux.timeOffsets !== null) {
    if (!seen.has('time'))
      throw new Failure("time namespace offsets specified, but time namespace isn't enabled in the config");
    for (const clock of Object.keys(linux.timeOffsets))
      if (!CLOCKS.has(clock)) throw new Failure(`unsupported clock ${clock} for timeOffsets`);
  }
  const { personality } = linux ?? {};
  if (personality?.domain !== undefined && !DOMAINS.has(personality.domain))
    throw new Failure(`personality domain ${personality.domain} is not supported`);
  if ((personality?.flags ?? []).length > 0) throw new Failure('personality flags are not supported');
  if ((config.hostname ?? '') !== '' && !seen.has('uts'))
    throw new Failure('unable to set hostname without a private UTS namespace');
  if ((config.domainname ?? '') !== '' && !seen.has('uts'))
    throw new Failure('unable to set domainname without a private UTS namespace');
  checkHostOnly(config);
  for (const key of Object.keys(linux?.sysctl ?? {})) checkSysctl(key.replaceAll('/', '.'), key, seen);
}

/**
 * What is the host's to do, and nothing to a guest: refused where runc would refuse it for what the host has
 * not got.
 */
function checkHostOnly({ process, linux }: OciConfig): void {
  const { l3CacheSchema, memBwSchema } = linux?.intelRdt ?? {};
  if (l3CacheSchema && !existsSync('/sys/fs/resctrl/info/L3'))
    throw new Failure('intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled');
  if (memBwSchema && !existsSync('/sys/fs/resctrl/info/MB'))
    throw new Failure('intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled');
  if ((process?.selinuxLabel || linux?.mountLabel) && !existsSync('/sys/fs/selinux/enforce'))
    throw new Failure('selinux label is specified in config, but selinux is disabled or not supported');
  if (process?.apparmorProfile && !existsSync('/sys/kernel/security/apparmor'))
    throw new Failure(
      'unable to start container process: error during container init: unable to apply apparmor profile: apparmor failed to apply profile: write /proc/self/attr/exec: invalid argument',
    );
}

function checkSysctl(name: string, key: string, namespaces: ReadonlySet<string>): void {
  if (IPC_SYSCTL.test(name)) {
    if (namespaces.has('ipc')) return;
    throw new Failure(`sysctl "${key}" is not allowed in the hosts ipc namespace`);
  }
  if (name.startsWith('net.')) {
    if (namespaces.has('network')) return;
    throw new Failure(`sysctl "${key}" not allowed in host network namespace`);
  }
  if (name === 'kernel.domainname' || name === 'kernel.hostname') {
    if (namespaces.has('uts')) return;
    throw new Failure(`sysctl "${key}" is not allowed in the hosts uts namespace`);
  }
  throw new Failure(`sysctl "${key}" is not in a separate kernel namespace`);
}

/** What is no array yet is for the schema to complain about. */
function arrayOf<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value : [];
}
