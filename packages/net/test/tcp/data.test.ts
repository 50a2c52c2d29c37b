import { EAGAIN, MSG_MORE, MSG_PEEK, POLLIN, POLLOUT } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { BytesSink } from '../../src/core/bytes.js';
import { readAll, write } from './harness.js';
import { Script } from './script.js';

describe('sending (RFC 9293 section 3.7.4, 3.8.6)', () => {
  it('cuts into segments, the last one with PSH', () => {
    const s = new Script().passive('<mss 1000,sackok,ws 0>');
    s.write(2500).out('. 1:1001').out('. 1001:2001').out('P. 2001:2501').quiet();
  });

  it('takes no more than the send buffer holds, and says when there is room', () => {
    const s = new Script({ options: { sendBuffer: 10_000, sendBufferLocked: true } }).passive(
      '<mss 1000>',
      2000,
    );
    expect(write(s.tcp, new Uint8Array(20_000))).toBe(10_000);
    expect(write(s.tcp, new Uint8Array(1))).toBe(-EAGAIN);
    expect(s.tcp.poll() & POLLOUT).toBe(0);
    s.host.events = 0;
    s.in('. 1 ack 2001 win 4000');
    expect(s.host.events & POLLOUT).toBe(0);
    s.in('. 1 ack 4001 win 4000');
    expect(s.host.events & POLLOUT).toBe(POLLOUT);
    expect(s.tcp.poll() & POLLOUT).toBe(POLLOUT);
  });

  it('obeys TCP_NOTSENT_LOWAT', () => {
    const s = new Script({ options: { notSentLowWater: 1000 } }).passive('<mss 1000>', 2000);
    s.write(2500);
    expect(s.tcp.poll() & POLLOUT).toBe(POLLOUT);
    s.write(600);
    expect(s.tcp.poll() & POLLOUT).toBe(0);
    expect(write(s.tcp, new Uint8Array(1))).toBe(-EAGAIN);
  });

  it('sends no more than the window, and no crumbs (section 3.8.6.2.1)', () => {
    const s = new Script().passive('<mss 1000>', 4000);
    s.write(5000).out('. 1:1001').out('. 1001:2001').out('. 2001:3001').out('. 3001:4001').quiet();
    // 500 bytes more are offered: less than a segment, so nothing goes.
    s.in('. 1 ack 1001 win 3500').quiet();
    s.in('. 1 ack 2001 win 3500').out('P. 4001:5001');
  });

  it('keeps to half of the largest window when that is small', () => {
    const s = new Script().passive('<mss 1460>', 1000);
    s.write(1000).out('. 1:501').out('P. 501:1001').quiet();
  });
});

describe("Nagle's algorithm (RFC 9293 section 3.7.4) and its opposites", () => {
  it('holds a small segment back while another is under way', () => {
    const s = new Script().passive('<mss 1000>');
    s.write(10).out('P. 1:11').write(10).write(10).quiet();
    s.in('. 1 ack 11').out('P. 11:31').quiet();
  });

  it('sends a full segment in any case, and a small one behind full ones (Minshall)', () => {
    const s = new Script().passive('<mss 1000>');
    s.write(1500).out('. 1:1001').out('P. 1001:1501');
    s.write(999).quiet().write(1).out('P. 1501:2501');
  });

  it('TCP_NODELAY sends at once; setting it pushes what waits', () => {
    const s = new Script().passive('<mss 1000>');
    s.write(10).drop();
    s.write(10).quiet();
    s.options.noDelay = true;
    s.tcp.optionsChanged();
    s.out('P. 11:21').write(3).out('P. 21:24');
  });

  it('TCP_CORK holds everything but full segments, for 200 ms at most', () => {
    const s = new Script().passive('<mss 1000>');
    s.options.cork = true;
    s.tcp.optionsChanged();
    s.write(10).write(10).quiet();
    s.write(1000).out('. 1:1001').quiet();
    s.in('. 1 ack 1001').quiet();
    s.wait(250).out('P. 1001:1021');
    s.in('. 1 ack 1021').write(5).quiet();
    s.options.cork = false;
    s.tcp.optionsChanged();
    s.out('P. 1021:1026');
  });

  it('MSG_MORE is a cork for one call', () => {
    const s = new Script().passive('<mss 1000>');
    s.write(10, MSG_MORE).quiet().write(10).out('P. 1:21');
  });
});

describe('acknowledging (RFC 9293 section 3.8.6.3)', () => {
  it('at once at first, then every second full segment or after 40 ms', () => {
    const s = new Script().passive('<mss 1000,sackok,ws 0>');
    for (let i = 0; i < 20; i++) s.in(`. ${1 + 1000 * i}:${1001 + 1000 * i} ack 1`);
    s.read(20_000).drop();
    s.options.quickAck = false;
    s.tcp.optionsChanged();
    s.tcp.quickAcks = 0;
    s.in('P. 20001:20101 ack 1').quiet().wait(39).quiet().wait(2).out('. 1 ack 20101').quiet().read(100);
    s.tcp.quickAcks = 0;
    s.in('. 20101:21101 ack 1').quiet().in('. 21101:22101 ack 1').read(2000).out('. 1 ack 22101').quiet();
  });

  it('rides on data that goes back', () => {
    const s = new Script().passive();
    s.in('P. 1:11 ack 1').out('. 1 ack 11').read(10).write(5).out('P. 1:6 ack 11');
    s.in('P. 11:21 ack 6').quiet().read(10).quiet().write(5).out('P. 6:11 ack 21');
    s.wait(100).in('. 21 ack 11').quiet();
  });

  it('TCP_QUICKACK acknowledges at once again', () => {
    const s = new Script().passive();
    s.in('P. 1:11 ack 1').drop();
    s.read(10).write(5).drop();
    s.in('P. 11:21 ack 6').quiet().read(10).quiet();
    expect(s.options.quickAck).toBe(false);
    s.options.quickAck = true;
    s.tcp.optionsChanged();
    s.out('. 6 ack 21');
  });

  it('of what is out of order at once, with what is there', () => {
    const s = new Script().passive('<mss 1000,sackok,ws 0>');
    s.in('. 1001:2001 ack 1').out('. 1 ack 1 <sack 1001:2001>');
    s.in('. 3001:4001 ack 1').out('. 1 ack 1 <sack 3001:4001,sack 1001:2001>');
    s.in('. 5001:6001 ack 1').out('. 1 ack 1 <sack 5001:6001,sack 3001:4001,sack 1001:2001>');
    s.in('. 2001:3001 ack 1').out('. 1 ack 1 <sack 1001:4001,sack 5001:6001>');
    s.in('. 1:1001 ack 1').out('. 1 ack 4001 <sack 5001:6001>');
    s.in('. 4001:5001 ack 1').out('. 1 ack 6001').read(6000);
  });

  it('tells what came twice (RFC 2883)', () => {
    const s = new Script().passive('<mss 1000,sackok,ws 0>');
    s.in('. 1:1001 ack 1').out('. 1 ack 1001 <>');
    s.in('. 1:1001 ack 1').out('. 1 ack 1001 <sack 1:1001>');
    s.in('. 501:1501 ack 1').out('. 1 ack 1501 <sack 501:1001>');
    s.in('. 2001:3001 ack 1').drop();
    s.in('. 2001:3001 ack 1').out('. 1 ack 1501 <sack 2001:3001,sack 2001:3001>');
  });

  it('at most three blocks beside a timestamp', () => {
    const s = new Script().passive('<mss 1000,sackok,ws 0,ts 500 0>');
    for (const at of [1001, 3001, 5001, 7001]) s.in(`. ${at}:${at + 1000} ack 1 <ts 501 1000>`);
    s.out('. 1').out('. 1').out('. 1').out('. 1 ack 1 <sack 7001:8001,sack 5001:6001,sack 3001:4001>');
  });
});

describe('the receive window', () => {
  it('closes as data waits, and opens when it is read', () => {
    const s = new Script({ options: { receiveBuffer: 20_000, receiveBufferLocked: true } }).passive(
      '<mss 1000>',
    );
    expect(s.tcp.rcvWnd).toBeLessThanOrEqual(10_000);
    for (let i = 0; i < 10; i++) s.in(`. ${1 + 1000 * i}:${1001 + 1000 * i} ack 1`);
    s.wait(50);
    expect(s.tcp.rx.length).toBe(s.tcp.rx.next - s.tcp.irs - 1);
    s.drop();
    // No room: a probe is answered with a window of nothing, and its byte is dropped.
    const next = s.tcp.rx.length + 1;
    s.in(`. ${next}:${next + 1000} ack 1`)
      .out(`. 1 ack ${next} win 0`)
      .quiet();
    // A little room is not told (silly window, section 3.8.6.2.2); half of it is.
    s.read(500).quiet();
    s.read(s.tcp.rx.length);
    s.out(`. 1 ack ${next}`);
    expect(s.tcp.rcvWnd).toBeGreaterThan(5000);
  });

  it('is never taken back when the buffer shrinks', () => {
    const s = new Script().passive('<mss 1000>');
    const edge = s.tcp.rcvWnd + 1;
    s.options.receiveBuffer = 4000;
    s.options.receiveBufferLocked = true;
    s.in('. 1:1001 ack 1').out(`. 1 ack 1001 win ${edge - 1001}`);
  });

  it('takes the part of a segment that is in it', () => {
    const s = new Script({ options: { receiveBuffer: 4000, receiveBufferLocked: true } }).passive(
      '<mss 1000>',
    );
    const room = s.tcp.rcvWnd;
    s.in(`. 1:${room + 101} ack 1`).out(`. 1 ack ${room + 1}`);
    s.read(room);
  });

  it('grows with what the user reads in a round trip', () => {
    const s = new Script().passive('<mss 1460,sackok,ws 7>');
    let at = 1;
    for (let round = 0; round < 30; round++) {
      const window = s.tcp.rcvWnd;
      for (let left = Math.min(window, 200_000); left >= 1460; left -= 1460) {
        s.in(`. ${at}:${at + 1460} ack 1`);
        at += 1460;
      }
      readAll(s.tcp, 1 << 22);
      s.wait(20);
    }
    expect(s.options.receiveBuffer).toBeGreaterThan(400_000);
    expect(s.options.receiveBuffer).toBeLessThanOrEqual(6291456);
  });
});

describe('reading', () => {
  it('MSG_PEEK leaves it there, from an offset', () => {
    const s = new Script().passive();
    s.in('P. 1:11 ack 1').drop();
    const bytes = new Uint8Array(20);
    expect(s.tcp.read(new BytesSink(bytes), MSG_PEEK, 4)).toBe(6);
    expect(bytes[0]).toBe(5);
    expect(s.tcp.read(new BytesSink(bytes), MSG_PEEK, 10)).toBe(-EAGAIN);
    expect(s.tcp.readable).toBe(10);
    s.read(10);
  });

  it('SO_RCVLOWAT holds POLLIN back', () => {
    const s = new Script({ options: { receiveLowWater: 8 } }).passive();
    s.host.events = 0;
    s.in('P. 1:6 ack 1');
    expect(s.tcp.poll() & POLLIN).toBe(0);
    expect(s.host.events & POLLIN).toBe(0);
    s.in('P. 6:11 ack 1');
    expect(s.tcp.poll() & POLLIN).toBe(POLLIN);
    expect(s.host.events & POLLIN).toBe(POLLIN);
  });
});

describe('zero window probes (RFC 9293 section 3.8.6.1)', () => {
  it('are sent as long as they are answered, with growing distance', () => {
    const s = new Script().passive('<mss 1000>', 2000);
    s.write(4000).drop();
    s.in('. 1 ack 2001 win 0').quiet();
    const from = s.time;
    s.wait(1000)
      .out('. 2000:2000', from + 200)
      .out('. 2000:2000', from + 600)
      .quiet();
    for (let i = 0; i < 50; i++) {
      s.wait(60_000).drop();
      s.in('. 1 ack 2001 win 0');
    }
    expect(s.tcp.error).toBe(0);
    s.in('. 1 ack 2001 win 2000').out('. 2001:3001').out('P. 3001:4001');
  });

  it('send what little there is room for', () => {
    const s = new Script().passive('<mss 1000>', 2000);
    s.write(4000).drop();
    s.in('. 1 ack 2001 win 300').quiet();
    s.wait(250).out('. 2001:2301');
  });

  it('give up when they are not answered', () => {
    const s = new Script().passive('<mss 1000>', 2000);
    s.write(4000).drop();
    s.in('. 1 ack 2001 win 0');
    s.wait(2_000_000);
    expect(s.tcp.error).toBe(110);
  });
});
