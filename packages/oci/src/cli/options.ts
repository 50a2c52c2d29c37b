import type { Flag } from './parser.js';

/** Options before the command. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: 'debug', help: 'enable debug logging' },
  { name: 'log', value: 'text', help: "set the log file to write to (default is '/dev/stderr')" },
  { name: 'log-format', value: 'text', help: "set the log format ('text' (default), or 'json')" },
  { name: 'root', value: 'text', help: 'root directory for storage of container state (should be in tmpfs)' },
  { name: 'systemd-cgroup', help: 'cgroupsPath has the form "slice:prefix:name"' },
  { name: 'rootless', value: 'text', help: "ignore cgroup permission errors ('true', 'false', or 'auto')" },
  { name: 'criu', value: 'text', help: 'accepted for its callers; there is no checkpoint' },
  { name: 'platform', value: 'text', help: "what runs the guests ('auto', 'ptrace', 'kvm')" },
  {
    name: 'overlay',
    value: 'text',
    help: "where writes to the root go: 'none': to itself, 'memory', or a directory, in which each container has one by its id ('auto' (default): none for root, memory for others)",
  },
  { name: 'help', short: 'h', help: 'show help' },
  { name: 'version', short: 'v', help: 'print the version' },
];

const BUNDLE: Flag = {
  name: 'bundle',
  short: 'b',
  value: 'text',
  help: 'path to the root of the bundle directory, defaults to the current directory',
};
const CONSOLE_SOCKET: Flag = {
  name: 'console-socket',
  value: 'text',
  help: "path to an AF_UNIX socket which will receive the master end of the console's pseudoterminal",
};
const PID_FILE: Flag = {
  name: 'pid-file',
  value: 'text',
  help: 'specify the file to write the process id to',
};
const PRESERVE_FDS: Flag = {
  name: 'preserve-fds',
  value: 'number',
  help: 'pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)',
};
const NO_PIVOT: Flag = { name: 'no-pivot', help: 'accepted: the root is never pivoted on the host' };
const NO_KEYRING: Flag = { name: 'no-new-keyring', help: 'accepted: keyrings of the host are never joined' };
const DETACH: Flag = { name: 'detach', short: 'd', help: "detach from the container's process" };

const CREATE: readonly Flag[] = [BUNDLE, CONSOLE_SOCKET, PID_FILE, NO_PIVOT, NO_KEYRING, PRESERVE_FDS];

/** A command as the help shows it. */
export interface CommandSpec {
  readonly summary: string;
  /** Behind the name and the options. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** Arguments: fewest and most. */
  readonly arity: readonly [number, number];
}

const ID = '<container-id>';

export const COMMANDS: Readonly<Record<string, CommandSpec>> = {
  create: { summary: 'create a container', usage: ID, flags: CREATE, arity: [1, 1] },
  delete: {
    summary: 'delete any resources held by the container often used with detached container',
    usage: ID,
    flags: [
      {
        name: 'force',
        short: 'f',
        help: 'forcibly deletes the container if it is still running (uses SIGKILL)',
      },
    ],
    arity: [1, 1],
  },
  events: {
    summary: 'display container events such as OOM notifications, cpu and memory usage',
    usage: ID,
    flags: [
      { name: 'interval', value: 'text', help: 'set the stats collection interval (default: 5s)' },
      { name: 'stats', help: "display the container's stats then exit" },
    ],
    arity: [1, 1],
  },
  exec: {
    summary: 'execute new process inside the container',
    usage: `${ID} <command> [command options]  || -p process.json ${ID}`,
    flags: [
      CONSOLE_SOCKET,
      { name: 'cwd', value: 'text', help: 'current working directory in the container' },
      { name: 'env', short: 'e', value: 'list', help: 'set environment variables' },
      { name: 'tty', short: 't', help: 'allocate a pseudo-TTY' },
      { name: 'user', short: 'u', value: 'text', help: 'UID (format: <uid>[:<gid>])' },
      { name: 'additional-gids', short: 'g', value: 'list', help: 'additional gids' },
      { name: 'process', short: 'p', value: 'text', help: 'path to the process.json' },
      DETACH,
      PID_FILE,
      { name: 'process-label', value: 'text', help: 'accepted: there is no SELinux inside' },
      { name: 'apparmor', value: 'text', help: 'accepted: there is no AppArmor inside' },
      { name: 'no-new-privs', help: 'set the no new privileges value for the process' },
      { name: 'cap', short: 'c', value: 'list', help: 'add a capability to the sets of the process' },
      PRESERVE_FDS,
      {
        name: 'cgroup',
        value: 'list',
        help: "the control group within the container's: / alone, there are no others",
      },
      { name: 'ignore-paused', help: 'allow exec in a paused container' },
    ],
    arity: [1, Number.POSITIVE_INFINITY],
  },
  features: { summary: 'show the enabled features', usage: '', flags: [], arity: [0, 0] },
  install: {
    summary: 'print or write what makes an engine use this runtime',
    usage: '',
    flags: [
      { name: 'engine', value: 'text', help: 'containerd, docker, podman or cri-o' },
      { name: 'write', help: "write the engine's configuration instead of printing it" },
      { name: 'config', value: 'text', help: "the engine's configuration file, when it is elsewhere" },
    ],
    arity: [0, 0],
  },
  kill: {
    summary: "send the specified signal (default: SIGTERM) to the container's init process",
    usage: `${ID} [signal]`,
    flags: [
      { name: 'all', short: 'a', help: 'send the specified signal to all processes inside the container' },
    ],
    arity: [1, 2],
  },
  list: {
    summary: 'lists containers started with the given root',
    usage: '',
    flags: [
      { name: 'format', short: 'f', value: 'text', help: 'select one of: table or json (default: "table")' },
      { name: 'quiet', short: 'q', help: 'display only container IDs' },
    ],
    arity: [0, 0],
  },
  pause: {
    summary: 'pause suspends all processes inside the container',
    usage: ID,
    flags: [],
    arity: [1, 1],
  },
  ps: {
    summary: 'ps displays the processes running inside a container',
    usage: `${ID} [ps options]`,
    flags: [
      { name: 'format', short: 'f', value: 'text', help: 'select one of: table or json (default: "table")' },
    ],
    arity: [1, Number.POSITIVE_INFINITY],
  },
  resume: {
    summary: 'resumes all processes that have been previously paused',
    usage: ID,
    flags: [],
    arity: [1, 1],
  },
  run: {
    summary: 'create and run a container',
    usage: ID,
    flags: [
      ...CREATE,
      DETACH,
      { name: 'keep', help: 'do not delete the container after it exits' },
      { name: 'no-subreaper', help: 'accepted: nothing is reparented here' },
    ],
    arity: [1, 1],
  },
  spec: {
    summary: 'create a new specification file',
    usage: '',
    flags: [BUNDLE, { name: 'rootless', help: 'generate a configuration for a rootless container' }],
    arity: [0, 0],
  },
  start: {
    summary: 'executes the user defined process in a created container',
    usage: ID,
    flags: [],
    arity: [1, 1],
  },
  state: { summary: 'output the state of a container', usage: ID, flags: [], arity: [1, 1] },
  update: {
    summary: 'update container resource constraints',
    usage: ID,
    flags: [
      {
        name: 'resources',
        short: 'r',
        value: 'text',
        help: "file with the resources to update, or '-' for the standard input",
      },
      { name: 'blkio-weight', value: 'number', help: 'per cgroup weight, from 10 to 1000' },
      { name: 'cpu-period', value: 'number', help: 'CPU CFS period for hardcapping (in usecs)' },
      { name: 'cpu-quota', value: 'number', help: 'CPU CFS hardcap limit (in usecs)' },
      { name: 'cpu-share', value: 'number', help: 'CPU shares (relative weight vs. other containers)' },
      { name: 'cpu-rt-period', value: 'number', help: 'CPU realtime period (in usecs)' },
      { name: 'cpu-rt-runtime', value: 'number', help: 'CPU realtime hardcap limit (in usecs)' },
      { name: 'cpuset-cpus', value: 'text', help: 'CPU(s) to use' },
      { name: 'cpuset-mems', value: 'text', help: 'memory node(s) to use' },
      { name: 'memory', value: 'number', help: 'memory limit (in bytes)' },
      { name: 'memory-reservation', value: 'number', help: 'memory reservation or soft limit (in bytes)' },
      { name: 'memory-swap', value: 'number', help: 'total memory usage (memory + swap)' },
      { name: 'pids-limit', value: 'number', help: 'maximum number of pids allowed in the container' },
      { name: 'l3-cache-schema', value: 'text', help: 'refused: there is no Intel RDT/CAT inside' },
      { name: 'mem-bw-schema', value: 'text', help: 'refused: there is no Intel RDT/MBA inside' },
    ],
    arity: [1, 1],
  },
};
