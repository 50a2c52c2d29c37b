import { isatty } from 'node:tty';
import { type Flags, on, text } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask } from '../control/client.js';
import { Failure } from '../failure.js';
import { claim, load, release } from '../state/store.js';
import { bundleOf, requestOf, writePidFile } from './bundle.js';
import { createDetached } from './create.js';
import { remove } from './delete.js';

/** `run ID`: create and start. Without --detach this very process is the supervisor, and ends as the container does. */
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
    const { host, useOwnTerminal } = await import('../sandbox/supervisor.js');
    const fds = [0, 1, 2];
    for (let i = 0; i < request.preserveFds; i++) fds.push(3 + i);
    const running = await host(request, fds);
    created = true;
    const leave = terminal ? useOwnTerminal(running.member) : (): void => {};
    writePidFile(text(flags, 'pid-file'), process.pid);
    try {
      await running.start();
      return await running.end;
    } finally {
      leave();
    }
  } finally {
    if (!created) release(context.root, id);
    else if (!on(flags, 'keep')) await remove(context, id, true).catch(() => {});
  }
}
