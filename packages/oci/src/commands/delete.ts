import { setTimeout as pause } from 'node:timers/promises';
import { writeLog } from '../cli/log.js';
import { type Flags, on } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask } from '../control/client.js';
import { Failure, messageOf } from '../failure.js';
import { removeGroups } from '../sandbox/cgroup.js';
import { runHooks } from '../sandbox/hooks.js';
import { isSameProcess } from '../state/host-process.js';
import { find, ociState, release, type Stored } from '../state/store.js';

/** `delete ID`: of a container that has stopped or never began; with --force of any. */
export async function run(context: Context, flags: Flags, [id]: readonly string[]): Promise<number> {
  await remove(context, id!, on(flags, 'force'));
  return 0;
}

/** Throws Failure. */
export async function remove(context: Context, id: string, force: boolean): Promise<void> {
  let stored: Stored | null;
  try {
    stored = find(context.root, id);
  } catch (error) {
    if (force && error instanceof Failure && error.message === 'container does not exist') return;
    throw error;
  }
  if (stored === null) {
    // Whoever created it died before there was anything.
    if (!force) throw new Failure('container does not exist');
    release(context.root, id);
    return;
  }
  if (stored.status === 'running' || stored.status === 'paused' || stored.status === 'creating') {
    if (!force) throw new Failure(`cannot delete container ${id} that is not stopped: ${stored.status}`);
  }
  if (stored.sandbox !== id) await leave(stored);
  if (stored.status !== 'stopped') await end(stored);
  await removeGroups(stored.cgroups);
  release(context.root, id);
  stored.status = 'stopped';
  try {
    await runHooks(stored.config, 'poststop', ociState(stored));
  } catch (error) {
    writeLog(context.log, 'warning', messageOf(error));
  }
}

/** The kernel it is in lets go of it, if that is there still. */
async function leave(stored: Stored): Promise<void> {
  await Promise.race([
    ask(stored, { op: 'delete', id: stored.id }).catch(() => {}),
    pause(PATIENCE_MS, undefined, { ref: false }),
  ]);
}

const PATIENCE_MS = 10_000;
const TRIES = 100;
const STEP_MS = 100;

/** With its supervisor the kernel and all in it end. */
async function end({ pid, pidStarted }: Stored): Promise<void> {
  if (pid === process.pid) return;
  for (let i = 0; i < TRIES && isSameProcess(pid, pidStarted); i++) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
    await pause(i < 5 ? 10 : STEP_MS);
  }
  if (isSameProcess(pid, pidStarted)) throw new Failure('container init still running');
}
