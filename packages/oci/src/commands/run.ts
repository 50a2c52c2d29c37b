import { isatty } from 'node:tty';
import { type Flags, on, text } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask, dial } from '../control/client.js';
import type { CreateRequest } from '../control/protocol.js';
import { Failure, messageOf } from '../failure.js';
import { enterGroups, groupPath, leaveGroups, presentGroups } from '../sandbox/cgroup.js';
import { sandboxFor } from '../sandbox/pod.js';
import { claim, load, release, type Stored } from '../state/store.js';
import { bundleOf, descriptorsOf, requestOf, writePidFile } from './bundle.js';
import { createDetached } from './create.js';
import { remove } from './delete.js';
import { standFor } from './stand-for.js';

/**
 * `run ID`: create and start. Without --detach this very process is the supervisor, and ends as the container
 * does.
 */
export async function run(context: Context, flags: Flags, [id]: readonly string[]): Promise<number> {
  if (on(flags, 'detach')) {
    await createDetached(context, flags, id!);
    try {
      const stored = load(context.root, id!);
      await ask(stored, { op: 'start', id: id! });
    } catch (error) {
      await remove(context, id!, true).catch(() => {});
      throw error;
    }
    return 0;
  }
  return runHere(context, flags, id!);
}

async function runHere(context: Context, flags: Flags, id: string): Promise<number> {
  const bundle = bundleOf(flags);
  claim(context.root, id);
  let created = false;
  try {
    const request = requestOf(context, flags, id, bundle, false);
    const terminal = request.config.process?.terminal ?? false;
    if (terminal && !isatty(0)) throw new Failure('open /dev/tty: no such device or address');
    const sandbox = sandboxFor(context, id, request.config);
    if (sandbox !== null) {
      return await runIn(sandbox, flags, request, () => {
        created = true;
      });
    }
    // The host takes its time for this, in which the kernel is loaded.
    const entering = enterGroups(groupPath(request.config, id, context.systemdCgroup), process.pid);
    const { host, useOwnTerminal } = await import('../sandbox/supervisor.js');
    const running = await host(request, descriptorsOf(request), entering);
    created = true;
    const leave = terminal ? useOwnTerminal(running.member) : (): void => {};
    try {
      writePidFile(text(flags, 'pid-file'), process.pid);
      await running.start();
      return await running.end;
    } catch (error) {
      running.member.abandon();
      await running.end;
      throw error;
    } finally {
      leave();
    }
  } finally {
    if (!created) release(context.root, id);
    else if (!on(flags, 'keep')) await remove(context, id, true).catch(() => {});
  }
}

/** In the kernel of `sandbox`, for which this process stands. */
async function runIn(
  sandbox: Stored,
  flags: Flags,
  request: CreateRequest,
  onCreated: () => void,
): Promise<number> {
  const { sendRequest } = await import('./exec-tools.js');
  const { config, id } = request;
  const terminal = config.process?.terminal ?? false;
  const socket = await dial(sandbox);
  const before = presentGroups();
  const join = { op: 'join', id, create: request, pid: process.pid, proxied: false } as const;
  sendRequest(socket, join, terminal ? [0] : descriptorsOf(request));
  let failed = '';
  const status = await standFor(socket, terminal, () => {
    onCreated();
    writePidFile(text(flags, 'pid-file'), process.pid);
    ask(sandbox, { op: 'start', id }).catch((error) => {
      failed = messageOf(error);
    });
  });
  await leaveGroups(before);
  if (failed !== '') throw new Failure(failed);
  return status;
}
