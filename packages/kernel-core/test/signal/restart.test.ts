import { EINTR, ERESTART_RESTARTBLOCK, ERESTARTNOHAND, ERESTARTNOINTR, ERESTARTSYS } from '@sandbox/abi';
import { expect, it } from 'vitest';
import {
  RESTART_AGAIN,
  RESTART_BLOCK,
  RESTART_EINTR,
  restartAction,
} from '../../src/process/signal/restart.js';

// signal(7), "Interruption of system calls": code, no handler, handler, handler with SA_RESTART.
it.each([
  ['ERESTARTNOINTR', ERESTARTNOINTR, RESTART_AGAIN, RESTART_AGAIN, RESTART_AGAIN],
  ['ERESTARTSYS', ERESTARTSYS, RESTART_AGAIN, RESTART_EINTR, RESTART_AGAIN],
  ['ERESTARTNOHAND', ERESTARTNOHAND, RESTART_AGAIN, RESTART_EINTR, RESTART_EINTR],
  ['ERESTART_RESTARTBLOCK', ERESTART_RESTARTBLOCK, RESTART_BLOCK, RESTART_EINTR, RESTART_EINTR],
  ['EINTR', EINTR, RESTART_EINTR, RESTART_EINTR, RESTART_EINTR],
])('%s', (_name, code, none, handler, restart) => {
  expect(restartAction(code, false, false)).toBe(none);
  expect(restartAction(code, true, false)).toBe(handler);
  expect(restartAction(code, true, true)).toBe(restart);
});
