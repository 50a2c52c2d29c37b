import { closeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isatty } from 'node:tty';
import { count, type Flags, list, on, text } from '../cli/parser.js';
import { loadProcess } from '../config/load.js';
import type { CapabilitySet, OciProcess } from '../config/types.js';
import type { Context } from '../context.js';
import { dial, Replies } from '../control/client.js';
import { Failure } from '../failure.js';
import { load, type Stored } from '../state/store.js';
import { writePidFile } from './bundle.js';
import { standFor } from './stand-for.js';

/** `exec ID COMMAND...`: one more program in a container. */
export async function run(context: Context, flags: Flags, [id, ...args]: readonly string[]): Promise<number> {
  const stored = load(context.root, id!);
  if (stored.status === 'stopped') throw new Failure('cannot exec in a stopped container');
  if (stored.status === 'paused' && !on(flags, 'ignore-paused'))
    throw new Failure('cannot exec in a paused container (use --ignore-paused to override)');
  for (const group of list(flags, 'cgroup')) {
    // "PATH", or "CONTROLLER,...:PATH" of version 1.
    if (join('/', group.slice(group.lastIndexOf(':') + 1)) !== '/')
      throw new Failure(`no control group ${group}: on the host a container has its own alone`);
  }
  const file = text(flags, 'process');
  if (file === undefined && args.length === 0) throw new Failure('process args cannot be empty');
  const wanted = file === undefined ? fromFlags(stored, flags, args) : loadProcess(file);
  if (!wanted.args || wanted.args.length === 0) throw new Failure('args must not be empty');
  if (!wanted.cwd.startsWith('/')) throw new Failure('Cwd must be an absolute path');
  const detach = on(flags, 'detach');
  const consoleSocket = text(flags, 'console-socket');
  if (detach && wanted.terminal && !consoleSocket)
    throw new Failure('cannot allocate tty if runc will detach without setting console socket');
  if (consoleSocket && (!detach || !wanted.terminal))
    throw new Failure('cannot use console socket if runc will not detach or allocate tty');
  if (wanted.terminal && !detach && !isatty(0)) throw new Failure('open /dev/tty: no such device or address');
  const fds = wanted.terminal ? [await terminalOf(consoleSocket, wanted)] : standardFds(flags);
  return detach ? inBackground(stored, wanted, fds, flags) : inForeground(stored, wanted, fds, flags);
}

function standardFds(flags: Flags): number[] {
  const fds = [0, 1, 2];
  for (let i = 0; i < (count(flags, 'preserve-fds') ?? 0); i++) fds.push(3 + i);
  return fds;
}

async function terminalOf(consoleSocket: string | undefined, wanted: OciProcess): Promise<number> {
  if (!consoleSocket) return 0;
  const { sendConsole, sizeOf } = await import('./exec-tools.js');
  return sendConsole(resolve(consoleSocket), sizeOf(wanted));
}

const SETS: readonly CapabilitySet[] = ['bounding', 'effective', 'permitted', 'inheritable', 'ambient'];

/** The container's own process with what the options change. */
function fromFlags(stored: Stored, flags: Flags, args: readonly string[]): OciProcess {
  const base = stored.config.process!;
  const caps = list(flags, 'cap');
  const [uid, gid] = (text(flags, 'user') ?? '').split(':');
  const numeric = (what: string, given: string): number => {
    if (/^\d+$/.test(given)) return Number(given);
    throw new Failure(
      `parsing ${given} as int for ${what} failed: strconv.Atoi: parsing "${given}": invalid syntax`,
    );
  };
  const gids = list(flags, 'additional-gids').map((gid) => numeric('gid', gid));
  return {
    ...base,
    args,
    terminal: on(flags, 'tty'),
    consoleSize: undefined,
    cwd: text(flags, 'cwd') ?? base.cwd,
    env: [...(base.env ?? []), ...list(flags, 'env')],
    noNewPrivileges: 'no-new-privs' in flags ? on(flags, 'no-new-privs') : base.noNewPrivileges,
    user: {
      ...base.user,
      ...(uid ? { uid: numeric('uid', uid) } : {}),
      ...(gid ? { gid: numeric('gid', gid) } : {}),
      additionalGids: [...(base.user?.additionalGids ?? []), ...gids],
    },
    capabilities:
      caps.length === 0
        ? base.capabilities
        : Object.fromEntries(SETS.map((set) => [set, [...(base.capabilities?.[set] ?? []), ...caps]])),
  };
}

/** A small process of the host is left in this one's place. */
async function inBackground(
  stored: Stored,
  process: OciProcess,
  fds: number[],
  flags: Flags,
): Promise<number> {
  const { sendRequest, startProxy } = await import('./exec-tools.js');
  const { joinGroups } = await import('../sandbox/cgroup.js');
  const socket = await dial(stored);
  const proxy = startProxy(process.terminal ? fds[0]! : -1);
  try {
    joinGroups(stored.cgroups, proxy.pid);
    sendRequest(socket, { op: 'exec', id: stored.id, process, proxied: true }, [...fds, proxy.fd]);
    await new Replies(socket).ok();
    writePidFile(text(flags, 'pid-file'), proxy.pid);
  } catch (error) {
    proxy.kill();
    throw error;
  } finally {
    proxy.release();
    socket.destroy();
    if (process.terminal) closeSync(fds[0]!);
  }
  return 0;
}

/** This process stays until the program's end, and passes signals on. */
async function inForeground(
  stored: Stored,
  wanted: OciProcess,
  fds: number[],
  flags: Flags,
): Promise<number> {
  const { sendRequest } = await import('./exec-tools.js');
  const socket = await dial(stored);
  sendRequest(socket, { op: 'exec', id: stored.id, process: wanted, proxied: false }, fds);
  return standFor(socket, wanted.terminal ?? false, () => writePidFile(text(flags, 'pid-file'), process.pid));
}
