import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { elfProgram, hostExecutable } from '@sandbox/native';
import { Failure } from '../failure.js';

/** Start a program of the host that is nothing but `code`, in a session of its own. Throws Failure. */
export function startSmallProgram(code: Uint8Array, argv0: string, stdio: StdioOptions): ChildProcess {
  const image = hostExecutable('sandbox-oci', elfProgram(code));
  if (image < 0) throw new Failure(`memfd_create: errno ${-image}`);
  // By the time spawn returns the program has been read.
  const child = spawn(`/proc/${process.pid}/fd/${image}`, [], { argv0, detached: true, stdio, env: {} });
  closeSync(image);
  child.on('error', () => {});
  if (child.pid === undefined) throw new Failure('cannot start a process');
  child.unref();
  return child;
}
