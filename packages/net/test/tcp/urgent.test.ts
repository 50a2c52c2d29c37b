import { EAGAIN, EINVAL, MSG_OOB, MSG_PEEK, POLLPRI } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { BytesSink } from '../../src/core/bytes.js';
import { Script } from './script.js';

const one = new Uint8Array(1);
const readUrgent = (s: Script, flags = 0) => s.tcp.read(new BytesSink(one), MSG_OOB | flags, 0);

describe('urgent data (RFC 9293 section 3.8.5, RFC 6093)', () => {
  it('is marked until it is acknowledged; the pointer is behind the byte', () => {
    const s = new Script().passive();
    s.write(3, MSG_OOB).out('P.U 1:4 urg 3');
    s.in('. 1 ack 4').write(2).out('P. 4:6 urg 0');
  });

  it('a pointer far ahead is told as far as it can be', () => {
    const s = new Script().passive('<mss 1000>', 2000);
    s.write(2000).drop();
    s.write(1000, MSG_OOB).quiet();
    s.in('. 1 ack 2001 win 65535').out('P.U 2001:3001 urg 1000');
  });

  it('the byte is read by MSG_OOB, the stream stops at it and goes on behind it', () => {
    const s = new Script().passive();
    expect(readUrgent(s)).toBe(-EINVAL);
    s.host.events = 0;
    s.in('P.U 1:11 ack 1 urg 6');
    expect(s.host.events & POLLPRI).toBe(POLLPRI);
    expect(s.tcp.poll() & POLLPRI).toBe(POLLPRI);
    expect(s.tcp.readable).toBe(5);
    const bytes = new Uint8Array(20);
    expect(s.tcp.read(new BytesSink(bytes), 0, 0)).toBe(5);
    expect(s.tcp.atMark).toBe(true);
    expect(readUrgent(s, MSG_PEEK)).toBe(1);
    expect(readUrgent(s)).toBe(1);
    expect(one[0]).toBe(6);
    expect(readUrgent(s)).toBe(-EINVAL);
    expect(s.tcp.poll() & POLLPRI).toBe(0);
    expect(s.tcp.read(new BytesSink(bytes), 0, 0)).toBe(4);
    expect(bytes[0]).toBe(7);
  });

  it('SO_OOBINLINE leaves it in the stream', () => {
    const s = new Script({ options: { oobInline: true } }).passive();
    s.in('P.U 1:11 ack 1 urg 6');
    expect(readUrgent(s)).toBe(-EINVAL);
    s.read(5);
    expect(s.tcp.atMark).toBe(true);
    s.read(5);
  });

  it('the pointer may come before the byte', () => {
    const s = new Script().passive();
    s.in('.U 1 ack 1 urg 8');
    expect(readUrgent(s)).toBe(-EAGAIN);
    s.in('P. 1:11 ack 1');
    expect(readUrgent(s)).toBe(1);
    expect(one[0]).toBe(8);
  });

  it('an old pointer says nothing', () => {
    const s = new Script().passive();
    s.in('P. 1:11 ack 1').read(10);
    s.in('P.U 1:11 ack 1 urg 3');
    expect(readUrgent(s)).toBe(-EINVAL);
  });
});
