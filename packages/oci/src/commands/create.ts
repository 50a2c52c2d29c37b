import { closeSync } from 'node:fs';
import { type Flags, text } from '../cli/parser.js';
import type { Context } from '../context.js';
import { dial, Replies } from '../control/client.js';
import type { CreateRequest } from '../control/protocol.js';
import { sandboxFor } from '../sandbox/pod.js';
import { spawnSupervisor } from '../sandbox/spawn.js';
import { claim, release, type Stored } from '../state/store.js';
import { bundleOf, descriptorsOf, requestOf, writePidFile } from './bundle.js';
import { remove } from './delete.js';

/** `create ID`: build the container and leave its supervisor behind. */
export async function run(context: Context, flags: Flags, [id]: readonly string[]): Promise<number> {
  await createDetached(context, flags, id!);
  return 0;
}

/** Throws Failure; nothing is left then. */
export async function createDetached(context: Context, flags: Flags, id: string): Promise<void> {
  const bundle = bundleOf(flags);
  claim(context.root, id);
  try {
    const request = requestOf(context, flags, id, bundle, true);
    const sandbox = sandboxFor(context, id, request.config);
    await (sandbox === null ? createAlone(context, flags, request) : createIn(sandbox, flags, request));
  } catch (error) {
    release(context.root, id);
    throw error;
  }
}

async function createAlone(context: Context, flags: Flags, request: CreateRequest): Promise<void> {
  const supervisor = spawnSupervisor(context, request.preserveFds);
  try {
    await supervisor.create(request);
  } catch (error) {
    supervisor.kill();
    throw error;
  }
  try {
    writePidFile(text(flags, 'pid-file'), supervisor.pid);
  } catch (error) {
    await remove(context, request.id, true).catch(() => {});
    throw error;
  }
}

/** In the kernel of `sandbox`; a small process of the host stands for it. */
async function createIn(sandbox: Stored, flags: Flags, request: CreateRequest): Promise<void> {
  const { sendConsole, sendRequest, sizeOf, startProxy } = await import('./exec-tools.js');
  const { config, consoleSocket, id } = request;
  const terminal = consoleSocket === null ? -1 : await sendConsole(consoleSocket, sizeOf(config.process!));
  const fds = terminal < 0 ? descriptorsOf(request) : [terminal];
  const socket = await dial(sandbox);
  const proxy = startProxy(terminal);
  try {
    const join = { op: 'join', id, create: request, pid: proxy.pid, proxied: true } as const;
    sendRequest(socket, join, [...fds, proxy.fd]);
    await new Replies(socket).ok();
    writePidFile(text(flags, 'pid-file'), proxy.pid);
  } catch (error) {
    proxy.kill();
    throw error;
  } finally {
    proxy.release();
    socket.destroy();
    if (terminal >= 0) closeSync(terminal);
  }
}
