import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Context } from '../context.js';
import { Replies } from '../control/client.js';
import type { CreateRequest } from '../control/protocol.js';
import { Failure } from '../failure.js';
import { SUPERVISE } from './supervise-name.js';

/** A supervisor that has been started and waits for its request. */
export interface Supervisor {
  readonly pid: number;
  /** Have it build the container. Resolves when that is done. Throws Failure. */
  create(request: CreateRequest): Promise<void>;
  /** It is not wanted any more. */
  kill(): void;
}

/**
 * Start the process that is to hold a sandbox, in a session of its own, with this one's standard descriptors
 * and `extra` further ones.
 */
export function spawnSupervisor(context: Context, extra: number): Supervisor {
  const stdio: ('pipe' | number)[] = [0, 1, 2, 'pipe'];
  for (let i = 0; i < extra; i++) stdio.push(3 + i);
  const options = ['--root', context.root, '--platform', context.platform, SUPERVISE];
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...options], {
    detached: true,
    stdio,
    cwd: '/',
  });
  child.on('error', () => {});
  if (child.pid === undefined) throw new Failure('the supervisor cannot be started');
  child.unref();
  const sync = child.stdio[3] as Socket;
  sync.on('error', () => {});
  return {
    pid: child.pid,
    create: async (request) => {
      sync.write(`${JSON.stringify(request)}\n`);
      try {
        await new Replies(sync).ok();
      } finally {
        sync.destroy();
      }
    },
    kill: () => {
      sync.destroy();
      child.kill('SIGKILL');
    },
  };
}
