/** config.json of the OCI runtime specification 1.2, as far as it is looked at here. */
export interface OciConfig {
  ociVersion: string;
  root?: { path: string; readonly?: boolean };
  process?: OciProcess;
  hostname?: string;
  domainname?: string;
  mounts?: readonly OciMount[];
  hooks?: OciHooks;
  annotations?: Readonly<Record<string, string>>;
  linux?: OciLinux;
}

export interface OciProcess {
  terminal?: boolean;
  consoleSize?: { height: number; width: number };
  user?: { uid?: number; gid?: number; umask?: number; additionalGids?: readonly number[] };
  args?: readonly string[];
  env?: readonly string[];
  cwd: string;
  capabilities?: Readonly<Partial<Record<CapabilitySet, readonly string[]>>>;
  rlimits?: readonly { type: string; soft: number; hard: number }[];
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
  apparmorProfile?: string;
  selinuxLabel?: string;
}

export type CapabilitySet = 'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient';

export interface OciMount {
  destination: string;
  type?: string;
  source?: string;
  options?: readonly string[];
  uidMappings?: readonly OciIdMapping[];
  gidMappings?: readonly OciIdMapping[];
}

export const HOOK_STAGES = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
export type HookStage = (typeof HOOK_STAGES)[number];

export interface OciHook {
  path: string;
  args?: readonly string[];
  env?: readonly string[];
  timeout?: number;
}
export type OciHooks = Readonly<Partial<Record<HookStage, readonly OciHook[]>>>;

export interface OciIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface OciDevice {
  type: string;
  path: string;
  major?: number;
  minor?: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface OciResources {
  memory?: { limit?: number; reservation?: number; swap?: number };
  cpu?: {
    shares?: number;
    quota?: number;
    period?: number;
    realtimeRuntime?: number;
    realtimePeriod?: number;
    cpus?: string;
    mems?: string;
    idle?: number;
  };
  pids?: { limit?: number };
  blockIO?: { weight?: number };
  unified?: Readonly<Record<string, string>>;
}

export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: readonly string[];
  flags?: readonly string[];
  listenerPath?: string;
  syscalls?: readonly OciSyscallRule[];
}

export interface OciSyscallRule {
  names: readonly string[];
  action: string;
  errnoRet?: number;
  args?: readonly { index: number; value: number; valueTwo?: number; op: string }[];
}

export interface OciLinux {
  namespaces?: readonly { type: string; path?: string }[];
  uidMappings?: readonly OciIdMapping[];
  gidMappings?: readonly OciIdMapping[];
  devices?: readonly OciDevice[];
  cgroupsPath?: string;
  resources?: OciResources;
  rootfsPropagation?: string;
  seccomp?: OciSeccomp;
  sysctl?: Readonly<Record<string, string>>;
  maskedPaths?: readonly string[];
  readonlyPaths?: readonly string[];
  timeOffsets?: Readonly<Record<string, { secs?: number; nanosecs?: number }>>;
  personality?: { domain: string; flags?: readonly string[] };
  mountLabel?: string;
  intelRdt?: { l3CacheSchema?: string; memBwSchema?: string };
}
