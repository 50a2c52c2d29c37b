/**
 * config.json as a JSON schema (draft-07), from the text of the OCI runtime specification 1.2: config.md,
 * config-linux.md. What it does not mention may be there (spec.md, extensibility).
 */
type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const integer: Schema = { type: 'integer' };
const range = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });
const uint32 = range(0, 0xffffffff);
const int64 = integer;
const uint64: Schema = { type: 'integer', minimum: 0 };
const list = (items: Schema): Schema => ({ type: 'array', items });
const map = (values: Schema): Schema => ({ type: 'object', additionalProperties: values });
const oneOf = (values: readonly string[]): Schema => ({ enum: values });
const object = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  required,
});

const idMapping = object({ containerID: uint32, hostID: uint32, size: uint32 }, [
  'containerID',
  'hostID',
  'size',
]);

const hook = object({ path: text, args: list(text), env: list(text), timeout: range(1, 0x7fffffff) }, [
  'path',
]);

const processSchema = object(
  {
    terminal: flag,
    consoleSize: object({ height: uint64, width: uint64 }, ['height', 'width']),
    cwd: text,
    env: list(text),
    args: list(text),
    commandLine: text,
    user: object({ uid: uint32, gid: uint32, umask: uint32, additionalGids: list(uint32), username: text }),
    capabilities: object({
      bounding: list(text),
      permitted: list(text),
      effective: list(text),
      inheritable: list(text),
      ambient: list(text),
    }),
    rlimits: list(object({ type: text, soft: uint64, hard: uint64 }, ['type', 'soft', 'hard'])),
    noNewPrivileges: flag,
    apparmorProfile: text,
    oomScoreAdj: integer,
    selinuxLabel: text,
    ioPriority: object({ class: text, priority: integer }, ['class']),
    scheduler: object({ policy: text, nice: integer, priority: integer, flags: list(text) }, ['policy']),
    execCPUAffinity: object({ initial: text, final: text }),
  },
  ['cwd'],
);

const mount = object(
  {
    destination: text,
    type: text,
    source: text,
    options: list(text),
    uidMappings: list(idMapping),
    gidMappings: list(idMapping),
  },
  ['destination'],
);

const ACTIONS = ['KILL', 'KILL_PROCESS', 'KILL_THREAD', 'TRAP', 'ERRNO', 'TRACE', 'ALLOW', 'LOG', 'NOTIFY'];
const OPERATORS = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'];
const action = oneOf(ACTIONS.map((name) => `SCMP_ACT_${name}`));

const seccomp = object(
  {
    defaultAction: action,
    defaultErrnoRet: uint32,
    flags: list(text),
    listenerPath: text,
    listenerMetadata: text,
    architectures: list(text),
    syscalls: list(
      object(
        {
          names: { type: 'array', items: text, minItems: 1 },
          action,
          errnoRet: uint32,
          args: list(
            object(
              {
                index: range(0, 5),
                value: uint64,
                valueTwo: uint64,
                op: oneOf(OPERATORS.map((name) => `SCMP_CMP_${name}`)),
              },
              ['index', 'value', 'op'],
            ),
          ),
        },
        ['names', 'action'],
      ),
    ),
  },
  ['defaultAction'],
);

const resources = object({
  unified: map(text),
  devices: list(object({ allow: flag, type: text, major: int64, minor: int64, access: text }, ['allow'])),
  memory: object({
    limit: int64,
    reservation: int64,
    swap: int64,
    kernel: int64,
    kernelTCP: int64,
    swappiness: uint64,
    disableOOMKiller: flag,
    useHierarchy: flag,
    checkBeforeUpdate: flag,
  }),
  cpu: object({
    shares: uint64,
    quota: int64,
    burst: uint64,
    period: uint64,
    realtimeRuntime: int64,
    realtimePeriod: uint64,
    cpus: text,
    mems: text,
    idle: int64,
  }),
  pids: object({ limit: int64 }),
  blockIO: object({ weight: range(0, 65535), leafWeight: range(0, 65535) }),
  hugepageLimits: list(object({ pageSize: text, limit: uint64 }, ['pageSize', 'limit'])),
  network: object({ classID: uint32, priorities: list(object({ name: text, priority: uint32 })) }),
  rdma: { type: 'object' },
});

const linux = object({
  namespaces: list(object({ type: text, path: text }, ['type'])),
  uidMappings: list(idMapping),
  gidMappings: list(idMapping),
  timeOffsets: map(object({ secs: int64, nanosecs: uint32 })),
  devices: list(
    object(
      { type: text, path: text, fileMode: uint32, major: int64, minor: int64, uid: uint32, gid: uint32 },
      ['type', 'path'],
    ),
  ),
  cgroupsPath: text,
  resources,
  rootfsPropagation: text,
  seccomp,
  sysctl: map(text),
  maskedPaths: list(text),
  readonlyPaths: list(text),
  mountLabel: text,
  intelRdt: object({ l3CacheSchema: text, memBwSchema: text }),
  personality: object({ domain: text, flags: list(text) }, ['domain']),
});

export const CONFIG_SCHEMA: Schema = object({
  ociVersion: text,
  root: object({ path: text, readonly: flag }, ['path']),
  process: processSchema,
  hostname: text,
  domainname: text,
  mounts: list(mount),
  hooks: object({
    prestart: list(hook),
    createRuntime: list(hook),
    createContainer: list(hook),
    startContainer: list(hook),
    poststart: list(hook),
    poststop: list(hook),
  }),
  annotations: map(text),
  linux,
});

/** process.json of `exec`. */
export const PROCESS_SCHEMA: Schema = processSchema;
