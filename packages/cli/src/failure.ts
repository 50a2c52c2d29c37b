import { constants } from 'node:os';
import { SpawnError } from '@sandbox/kernel';
import { VfsError } from '@sandbox/vfs';

/** Exit statuses of the sandbox's own, as container tools have them; see `sandbox run --help`. */
export const TIMED_OUT = 124;
export const OWN_FAILURE = 125;
const NOT_EXECUTABLE = 126;
export const NOT_FOUND = 127;

/** Say on standard error what went wrong; the exit status for it. */
export function fail(error: unknown): number {
  console.error(`sandbox: ${describe(error)}`);
  if (!(error instanceof SpawnError)) return OWN_FAILURE;
  switch (error.culprit) {
    case 'program':
      return error.errno === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE;
    case 'interpreter':
      return NOT_EXECUTABLE;
    default:
      return OWN_FAILURE;
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof VfsError) || error.errno === 0) return error.message;
  const name = Object.entries(constants.errno).find(([, value]) => value === error.errno)?.[0];
  return `${error.message}: ${name ?? `errno ${error.errno}`}`;
}
