import {
  ECONNREFUSED,
  EHOSTUNREACH,
  ETIMEDOUT,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { Script } from './script.js';

describe('active open (RFC 9293 section 3.5)', () => {
  it('sends a SYN with the options of Linux and acknowledges the answer', () => {
    const s = new Script();
    expect(s.tcp.connect()).toBe(0);
    s.state(TCP_SYN_SENT).out('S 0:1 win 64240 <mss 1460,sackok,ws 7,ts 1000 0>').quiet();
    s.wait(50).in('S. 0:1 ack 1 win 5000 <mss 1400,sackok,ws 3,ts 77 1000>');
    s.out('. 1 ack 1 win 502 <ts 1050 77>').quiet().state(TCP_ESTABLISHED);
    expect(s.host.isEstablished).toBe(true);
    expect(s.tcp.mss).toBe(1400 - 12);
    expect(s.tcp.srtt).toBe(50);
  });

  it('does without options the other side does not know', () => {
    const s = new Script();
    s.active('<mss 1000>');
    expect(s.tcp.sackOk || s.tcp.timestampOk || s.tcp.wscaleOk).toBe(false);
    s.write(10).out('P. 1:11 ack 1 win 64240 <>');
  });

  it('takes an MSS of 536 when none is told (section 3.7.1)', () => {
    const s = new Script();
    s.tcp.connect();
    s.drop();
    s.in('S. 0:1 ack 1 win 65535').out('. 1 ack 1');
    s.write(1000).out('. 1:537').out('P. 537:1001');
  });

  it('repeats the SYN after 1, 2, 4... s and gives up with ETIMEDOUT', () => {
    const s = new Script({ options: { synCount: 3 } });
    s.tcp.connect();
    s.out('S 0:1', 0);
    s.at(16_000);
    s.out('S 0:1', 1000).out('S 0:1', 3000).out('S 0:1', 7000).quiet();
    s.state(TCP_CLOSE);
    expect(s.tcp.error).toBe(ETIMEDOUT);
    expect(s.time).toBe(16_000);
  });

  it('is refused by RST with ECONNREFUSED, and only by one that acknowledges the SYN', () => {
    const s = new Script();
    s.tcp.connect();
    s.drop();
    s.in('R 0 win 0').state(TCP_SYN_SENT);
    s.in('R. 0 ack 5 win 0').state(TCP_SYN_SENT).quiet();
    s.in('R. 0 ack 1 win 0').state(TCP_CLOSE);
    expect(s.tcp.error).toBe(ECONNREFUSED);
  });

  it('answers an acknowledgement of what it never sent with RST', () => {
    const s = new Script();
    s.tcp.connect();
    s.drop();
    s.in('. 7 ack 900').out('R 900 win 0').state(TCP_SYN_SENT);
  });

  it('reports what ICMP says while it opens', () => {
    const s = new Script();
    s.tcp.connect();
    s.tcp.icmpError(EHOSTUNREACH, s.tcp.iss + 100);
    s.state(TCP_SYN_SENT);
    s.tcp.icmpError(EHOSTUNREACH, s.tcp.iss);
    s.state(TCP_CLOSE);
    expect(s.tcp.error).toBe(EHOSTUNREACH);
  });
});

describe('simultaneous open (section 3.5, figure 7)', () => {
  it('goes by SYN_RECV', () => {
    const s = new Script();
    s.tcp.connect();
    s.out('S 0:1');
    s.in('S 0:1 win 8000 <mss 1460,sackok,ws 2>').state(TCP_SYN_RECV).out('S. 0:1 ack 1');
    s.in('S. 0:1 ack 1 win 8000 <mss 1460,sackok,ws 2>').state(TCP_ESTABLISHED);
    s.write(3).out('P. 1:4 ack 1');
  });
});

describe('passive open', () => {
  it('answers a SYN, and completes with its acknowledgement', () => {
    const s = new Script();
    s.in('S 0:1 win 4000 <mss 1460,sackok,ws 7,ts 500 0>').state(TCP_SYN_RECV);
    s.out('S. 0:1 ack 1 win 65160 <mss 1460,sackok,ws 7,ts 1000 500>').quiet();
    s.in('. 1 ack 1 win 100 <ts 510 1000>').state(TCP_ESTABLISHED).quiet();
    expect(s.tcp.sndWnd).toBe(100 << 7);
  });

  it('answers a repeated SYN again, repeats the SYN-ACK, and gives up after five', () => {
    const s = new Script();
    s.in('S 0:1 win 4000 <mss 1460>').out('S. 0:1 ack 1', 0);
    s.at(500).in('S 0:1 win 4000 <mss 1460>').out('S. 0:1 ack 1', 500);
    s.at(100_000);
    for (const at of [1000, 3000, 7000, 15_000, 31_000]) s.out('S. 0:1 ack 1', at);
    s.quiet().state(TCP_CLOSE);
  });

  it('answers a wrong acknowledgement with RST and goes on waiting', () => {
    const s = new Script();
    s.in('S 0:1 <mss 1460>').drop();
    s.in('. 1 ack 77').out('R 77 win 0').state(TCP_SYN_RECV);
    s.in('. 1 ack 1').state(TCP_ESTABLISHED);
  });

  it('takes data along with the last acknowledgement', () => {
    const s = new Script();
    s.in('S 0:1 <mss 1460>').drop();
    s.in('P. 1:11 ack 1').state(TCP_ESTABLISHED).read(10);
  });

  it('ends by RST', () => {
    const s = new Script();
    s.in('S 0:1 <mss 1460>').drop();
    s.in('R 1').state(TCP_CLOSE);
    expect(s.host.isEstablished).toBe(false);
  });

  it('waits for data with TCP_DEFER_ACCEPT', () => {
    const s = new Script({ options: { deferAccept: 3 } });
    s.in('S 0:1 <mss 1460>').drop();
    s.in('. 1 ack 1').state(TCP_SYN_RECV);
    s.in('P. 1:5 ack 1').state(TCP_ESTABLISHED).read(4);
  });

  it('begins with one segment when the SYN-ACK was lost (RFC 5681 section 3.1)', () => {
    const s = new Script();
    s.in('S 0:1 <mss 1460>').at(4000).drop();
    s.in('. 1 ack 1').state(TCP_ESTABLISHED);
    expect(s.tcp.cwnd).toBe(1);
  });
});
