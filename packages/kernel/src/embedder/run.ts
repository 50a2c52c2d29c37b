import { constants } from 'node:buffer';
import { checkCount, checkObject, checkSignal } from './check.js';
import { InvalidOptionError } from './errors.js';
import { checkTimeout, SPAWN_OPTIONS, type SpawnOptions } from './launch.js';
import type { ExitResult } from './process.js';

export interface RunOptions extends Omit<SpawnOptions, 'stdio' | 'tty'> {
  /** Written to standard input, which is then closed. */
  input?: string | Uint8Array;
  /** How output is returned: 'utf8' (default) as text, 'buffer' as bytes. */
  encoding?: 'utf8' | 'buffer';
  /** Most bytes kept of each output; more is an OutputLimitError. Default 64 MiB. */
  maxBuffer?: number;
}

export interface RunResult<T = string> extends ExitResult {
  readonly stdout: T;
  readonly stderr: T;
  /** The `timeout` passed, and the program was killed; the output is what there was until then. */
  readonly timedOut: boolean;
}

const { stdio: _, tty: __, ...SHARED_OPTIONS } = SPAWN_OPTIONS;
const RUN_OPTIONS: Record<keyof RunOptions, true> = {
  ...SHARED_OPTIONS,
  input: true,
  encoding: true,
  maxBuffer: true,
};

export const DEFAULT_MAX_BUFFER = Math.min(64 * 1024 * 1024, constants.MAX_STRING_LENGTH);

/**
 * The options `run` has itself; those of `spawn` are checked there, but for the time limit, which is also the
 * output's. Throws InvalidOptionError.
 */
export function checkRun(options: RunOptions): RunOptions {
  const { input, encoding, maxBuffer, timeout, signal } = checkObject('', options, RUN_OPTIONS);
  if (input !== undefined && typeof input !== 'string' && !(input instanceof Uint8Array))
    throw new InvalidOptionError('input', 'a string or bytes are needed');
  if (encoding !== undefined && encoding !== 'utf8' && encoding !== 'buffer')
    throw new InvalidOptionError('encoding', "'utf8' or 'buffer' is needed");
  if (maxBuffer !== undefined) checkCount('maxBuffer', maxBuffer, 0, Number.MAX_SAFE_INTEGER);
  checkTimeout(timeout);
  checkSignal('signal', signal);
  return options;
}

/** All bytes of a stream; null when there are more than `limit` (`onLimit` is then called). */
export async function collect(
  stream: AsyncIterable<Uint8Array>,
  limit: number,
  onLimit: () => void,
): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of stream) {
    total += chunk.length;
    if (total > limit) {
      onLimit();
      return null;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
