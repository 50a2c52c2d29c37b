import {
  AF_UNIX,
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EPIPE,
  ETOOMANYREFS,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  RLIMIT_NOFILE,
  SCM_RIGHTS,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
  SYS_accept,
  SYS_bind,
  SYS_close,
  SYS_connect,
  SYS_listen,
  SYS_pipe2,
  SYS_read,
  SYS_recvmsg,
  SYS_sendmsg,
  SYS_sendto,
  SYS_socket,
  SYS_socketpair,
  SYS_write,
} from '@sandbox/abi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ioOf } from '../../src/files/io-state.js';
import { Cred } from '../../src/process/cred/cred.js';
import { type Caller, IoKernel } from './calls.js';

let kernel: IoKernel;
let a: Caller;
let b: Caller;

beforeEach(() => {
  kernel = new IoKernel();
  a = kernel.caller();
  b = kernel.sibling(a);
});
afterEach(() => kernel.dispose());

function pair(type: number): [number, number] {
  expect(a.call(SYS_socketpair, AF_UNIX, type, 0, a.at(0))).toBe(0);
  return a.pair(0);
}

/** An abstract address at `offset`: address and length. */
function address(caller: Caller, offset: number, name: string): [number, number] {
  caller.put(offset, `\x01\0\0${name}`);
  return [caller.at(offset), 3 + name.length];
}

/** A 64-bit word as two. */
const long = (n: number): [number, number] => [n, Math.floor(n / 2 ** 32)];

/** A msghdr at 1000 with one byte, and the given descriptors. */
function message(caller: Caller, fds: readonly number[], room = 0): number {
  caller.put(1100, [...long(caller.at(1200)), 1, 0]);
  const length = fds.length > 0 ? 16 + fds.length * 4 : room;
  caller.put(1300, [length, 0, SOL_SOCKET, SCM_RIGHTS, ...fds]);
  const control = length > 0 ? caller.at(1300) : 0;
  return caller.put(1000, [0, 0, 0, 0, ...long(caller.at(1100)), 1, 0, ...long(control), length, 0, 0, 0]);
}
const sendFds = (fd: number, fds: readonly number[]) =>
  a.call(SYS_sendmsg, fd, message(a, fds), MSG_DONTWAIT);

const unix = () => ioOf(kernel.core).unix;

describe('unix sockets', () => {
  it('accept waits for connect, connect for room in the backlog', () => {
    const listener = a.call(SYS_socket, AF_UNIX, SOCK_STREAM, 0)!;
    expect(a.call(SYS_bind, listener, ...address(a, 100, 'srv'))).toBe(0);
    expect(a.call(SYS_listen, listener, 0)).toBe(0);
    expect(a.call(SYS_accept, listener, 0, 0)).toBeNull();
    const c1 = b.call(SYS_socket, AF_UNIX, SOCK_STREAM, 0)!;
    expect(b.call(SYS_connect, c1, ...address(b, 100, 'srv'))).toBe(0);
    const server = a.result!;
    expect(server).toBeGreaterThan(c1);
    const c2 = b.call(SYS_socket, AF_UNIX, SOCK_STREAM, 0)!;
    const c3 = b.call(SYS_socket, AF_UNIX, SOCK_STREAM, 0)!;
    expect(b.call(SYS_connect, c2, ...address(b, 100, 'srv'))).toBe(0);
    // A connection that was not accepted can be written to.
    expect(b.call(SYS_write, c2, b.put(300, 'early'), 5)).toBe(5);
    expect(b.call(SYS_connect, c3, ...address(b, 100, 'srv'))).toBeNull();
    const second = a.call(SYS_accept, listener, 0, 0)!;
    expect(b.result).toBe(0);
    expect(a.call(SYS_read, second, a.at(400), 10)).toBe(5);
    expect(a.text(400, 5)).toBe('early');
    // Not accepted when the listener goes: reset.
    expect(a.call(SYS_close, listener)).toBe(0);
    expect(b.call(SYS_read, c3, b.at(400), 10)).toBe(-ECONNRESET);
    expect(b.call(SYS_connect, b.call(SYS_socket, AF_UNIX, SOCK_STREAM, 0)!, ...address(b, 100, 'srv'))).toBe(
      -ECONNREFUSED,
    );
  });

  it('a full stream blocks its writer until a quarter is left, and a close ends it', () => {
    const [x, y] = pair(SOCK_STREAM);
    expect(a.call(SYS_write, x, a.at(4096), 300000)).toBeNull();
    let got = 0;
    for (let i = 0; i < 2; i++) got += b.call(SYS_read, y, b.at(500000), 70000)!;
    expect(a.result).toBeNull();
    while (got < 300000) got += b.call(SYS_read, y, b.at(500000), 70000)!;
    expect(a.result).toBe(300000);
    expect(a.call(SYS_read, x, a.at(100), 1)).toBeNull();
    expect(b.call(SYS_close, y)).toBe(0);
    expect(a.result).toBe(0);
    expect(a.call(SYS_sendto, x, a.at(100), 1, MSG_NOSIGNAL, 0, 0)).toBe(-EPIPE);
    expect(unix().memory).toBe(0);
  });

  it('datagrams wait for room at a receiver that is not connected back', () => {
    const r = a.call(SYS_socket, AF_UNIX, SOCK_DGRAM, 0)!;
    a.call(SYS_bind, r, ...address(a, 100, 'rx'));
    const s = a.call(SYS_socket, AF_UNIX, SOCK_DGRAM, 0)!;
    a.call(SYS_connect, s, ...address(a, 100, 'rx'));
    for (let i = 0; i < 11; i++) expect(a.call(SYS_write, s, a.at(200), i)).toBe(i);
    expect(a.call(SYS_sendto, s, a.at(200), 3, MSG_DONTWAIT, 0, 0)).toBe(-EAGAIN);
    expect(a.call(SYS_write, s, a.at(200), 77)).toBeNull();
    expect(b.call(SYS_read, r, b.at(400), 100)).toBe(0);
    expect(a.result).toBe(77);
    for (let i = 1; i < 11; i++) expect(b.call(SYS_read, r, b.at(400), 100)).toBe(i);
    expect(b.call(SYS_read, r, b.at(400), 10)).toBe(10);
    b.call(SYS_close, r);
    expect(a.call(SYS_write, s, a.at(200), 1)).toBe(-ECONNREFUSED);
  });

  it('descriptors travel, and stay open on the way', () => {
    const [x, y] = pair(SOCK_SEQPACKET);
    a.call(SYS_pipe2, a.at(0), 0);
    const [r, w] = a.pair(0);
    expect(sendFds(x, [w])).toBe(1);
    a.call(SYS_close, w);
    expect(a.call(SYS_recvmsg, y, message(a, [], 64), 0)).toBe(1);
    const copy = a.word(1316);
    expect(a.call(SYS_write, copy, a.put(200, 'z'), 1)).toBe(1);
    expect(a.call(SYS_read, r, a.at(300), 1)).toBe(1);
    a.call(SYS_close, copy);
    expect(a.call(SYS_read, r, a.at(300), 1)).toBe(0);
    // A message that is never received gives its files back with the queue.
    a.call(SYS_pipe2, a.at(0), 0);
    const [r2, w2] = a.pair(0);
    sendFds(x, [w2]);
    a.call(SYS_close, w2);
    expect(b.call(SYS_read, r2, b.at(300), 1)).toBeNull();
    a.call(SYS_close, y);
    expect(b.result).toBe(0);
  });

  it('sockets that only reach themselves are found and freed', () => {
    for (let i = 0; i < 10; i++) {
      const [x, y] = pair(SOCK_STREAM);
      expect(sendFds(x, [x, y])).toBe(1);
      expect(sendFds(y, [x, y, x])).toBe(1);
      a.call(SYS_close, x);
      a.call(SYS_close, y);
    }
    const [x, y] = pair(SOCK_DGRAM);
    a.call(SYS_close, x);
    a.call(SYS_close, y);
    expect(unix().inflight.size).toBe(0);
    expect(unix().holders.size).toBe(0);
    expect(unix().memory).toBe(0);
  });

  it('a chain that can still be received is left alone', () => {
    const [x, y] = pair(SOCK_STREAM);
    const [p, q] = pair(SOCK_STREAM);
    a.call(SYS_write, p, a.put(200, 'deep'), 4);
    expect(sendFds(x, [q])).toBe(1);
    a.call(SYS_close, q);
    const [g, h] = pair(SOCK_STREAM);
    a.call(SYS_close, g);
    a.call(SYS_close, h);
    expect(a.call(SYS_recvmsg, y, message(a, [], 64), 0)).toBe(1);
    expect(a.call(SYS_read, a.word(1316), a.at(300), 10)).toBe(4);
  });

  it('a user has only so many files in flight', () => {
    a.task.cred = Cred.forUser(1000, 1000);
    a.task.group.limits.soft[RLIMIT_NOFILE] = 20;
    const [x] = pair(SOCK_STREAM);
    let n = 0;
    while (sendFds(x, [x]) === 1 && n < 100) n++;
    expect(n).toBe(21);
    expect(sendFds(x, [x])).toBe(-ETOOMANYREFS);
  });
});
