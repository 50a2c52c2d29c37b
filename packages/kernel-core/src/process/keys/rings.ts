import type { Key } from './key.js';

/**
 * The keyrings a thread's credentials have (credentials of threads are their own). Immutable, as credentials
 * are.
 */
export interface KeyRings {
  readonly thread: Key | null;
  readonly process: Key | null;
  readonly session: Key | null;
  /** Where request_key(2) puts keys: KEY_REQKEY_DEFL_*. */
  readonly destination: number;
}

export const NO_RINGS: KeyRings = { thread: null, process: null, session: null, destination: 0 };

/** What a new process starts with: the keyring of its session alone. */
export function ringsOfProcess(rings: KeyRings): KeyRings {
  return rings.thread === null && rings.process === null ? rings : { ...rings, thread: null, process: null };
}
