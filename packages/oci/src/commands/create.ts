import { type Flags, text } from '../cli/parser.js';
import type { Context } from '../context.js';
import { spawnSupervisor } from '../sandbox/spawn.js';
import { claim, release } from '../state/store.js';
import { bundleOf, extraDescriptors, requestOf, writePidFile } from './bundle.js';

/** `create ID`: build the container and leave its supervisor behind. */
export async function run(context: Context, flags: Flags, [id]: readonly string[]): Promise<number> {
  await createDetached(context, flags, id!);
  return 0;
}

/** Throws Failure; nothing is left then. */
export async function createDetached(context: Context, flags: Flags, id: string): Promise<void> {
  const bundle = bundleOf(flags);
  claim(context.root, id);
  // It reads the kernel while this process reads the configuration.
  const supervisor = spawnSupervisor(context, extraDescriptors(flags));
  try {
    await supervisor.create(requestOf(context, flags, id, bundle, true));
    writePidFile(text(flags, 'pid-file'), supervisor.pid);
  } catch (error) {
    supervisor.kill();
    release(context.root, id);
    throw error;
  }
}
