import { SEGV_MAPERR, SI_QUEUE, SI_USER, SIGHUP, SIGSEGV, SIGTERM, SIGUSR1 } from '@sandbox/abi';
import { expect, it } from 'vitest';
import {
  collect,
  flush,
  flushAll,
  nextSignal,
  nextSynchronous,
  SignalAccounts,
} from '../../src/process/signal/queue.js';
import { siginfo } from '../../src/process/signal/siginfo.js';
import { SigPending } from '../../src/process/signal/signal-state.js';
import { SigSet } from '../../src/process/signal/sigset.js';

function put(pending: SigPending, accounts: SignalAccounts, signo: number, code: number, value = 0): void {
  const info = siginfo(signo, code);
  info.valueLo = value;
  info.queued = true;
  if (accounts.charge(1000, 100)) info.account = 1000;
  pending.set.add(signo);
  pending.queue.push(info);
}

it('takes faults first, then the lowest number, real-time signals in order', () => {
  const pending = new SigPending();
  const accounts = new SignalAccounts();
  for (const value of [1, 2, 3]) put(pending, accounts, 40, SI_QUEUE, value);
  put(pending, accounts, SIGTERM, SI_USER);
  put(pending, accounts, SIGHUP, SI_USER);
  put(pending, accounts, SIGSEGV, SEGV_MAPERR);
  const taken: number[][] = [];
  for (let sig = nextSignal(pending, 0, 0); sig !== 0; sig = nextSignal(pending, 0, 0)) {
    taken.push([sig, collect(pending, sig, accounts).valueLo]);
  }
  expect(taken).toEqual([
    [SIGSEGV, 0],
    [SIGHUP, 0],
    [SIGTERM, 0],
    [40, 1],
    [40, 2],
    [40, 3],
  ]);
  expect(accounts.count(1000)).toBe(0);
});

it('leaves blocked ones', () => {
  const pending = new SigPending();
  const accounts = new SignalAccounts();
  put(pending, accounts, SIGUSR1, SI_USER);
  put(pending, accounts, 64, SI_USER);
  const blocked = SigSet.of(SIGUSR1);
  expect(nextSignal(pending, blocked.lo, blocked.hi)).toBe(64);
  blocked.add(64);
  expect(nextSignal(pending, blocked.lo, blocked.hi)).toBe(0);
});

it('tells a fault from a SIGSEGV that was sent', () => {
  const pending = new SigPending();
  const accounts = new SignalAccounts();
  put(pending, accounts, SIGSEGV, SI_USER);
  expect(nextSynchronous(pending, 0)).toBe(0);
  put(pending, accounts, SIGSEGV, SEGV_MAPERR);
  expect(nextSynchronous(pending, 0)).toBe(SIGSEGV);
  expect(nextSynchronous(pending, SigSet.of(SIGSEGV).lo)).toBe(0);
});

it('delivers a signal whose details were not queued as from nobody', () => {
  const pending = new SigPending();
  pending.set.add(SIGUSR1);
  const info = collect(pending, SIGUSR1, new SignalAccounts());
  expect([info.signo, info.code, info.pid]).toEqual([SIGUSR1, SI_USER, 0]);
  expect(pending.set.empty).toBe(true);
});

it('flushes sets and gives room back', () => {
  const pending = new SigPending();
  const accounts = new SignalAccounts();
  put(pending, accounts, 40, SI_QUEUE);
  put(pending, accounts, SIGUSR1, SI_USER);
  put(pending, accounts, 40, SI_QUEUE);
  flush(pending, SigSet.of(40), accounts);
  expect(pending.queue.map((i) => i.signo)).toEqual([SIGUSR1]);
  expect(pending.set.has(40)).toBe(false);
  expect(accounts.count(1000)).toBe(1);
  flushAll(pending, accounts);
  expect(accounts.count(1000)).toBe(0);
});

it('counts queued signals a user', () => {
  const accounts = new SignalAccounts();
  expect(accounts.charge(1, 2)).toBe(true);
  expect(accounts.charge(1, 2)).toBe(true);
  expect(accounts.charge(1, 2)).toBe(false);
  expect(accounts.charge(2, 2)).toBe(true);
  accounts.release(1);
  expect(accounts.charge(1, 2)).toBe(true);
});
