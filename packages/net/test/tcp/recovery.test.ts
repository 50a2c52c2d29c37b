import { ETIMEDOUT } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY } from '../../src/tcp/constants.js';
import { Script } from './script.js';

/** A connection that has an RTT of 100 ms, and `segments` of 1000 bytes under way. */
function flying(segments: number, options = '<mss 1000,sackok,ws 0>', reno = true): Script {
  const s = new Script({
    options: { congestion: reno ? 'reno' : 'cubic', sendBuffer: 1 << 20, sendBufferLocked: true },
  });
  s.in(`S 0:1 win 65535 ${options}`).out('S. 0:1');
  s.wait(100)
    .in(`. 1 ack 1${stamp(s, options)}`)
    .quiet();
  s.write(1000 * segments);
  for (let i = 0; i < Math.min(segments, 10); i++)
    s.out(`. ${1 + 1000 * i}:${1001 + 1000 * i}`.replace(/^\./, i === segments - 1 ? 'P.' : '.'));
  s.quiet();
  return s;
}

function stamp(s: Script, options: string): string {
  return options.includes('ts') ? ` <ts ${500 + s.time} ${1000}>` : '';
}

describe('fast retransmit and recovery with SACK (RFC 6675, 8985)', () => {
  it('the first loss is sent again when three segments behind it arrived', () => {
    const s = flying(10);
    s.wait(100).in('. 1 ack 1 <sack 1001:2001>').quiet();
    expect(s.tcp.caState).toBe(CA_DISORDER);
    s.in('. 1 ack 1 <sack 1001:3001>').quiet();
    s.in('. 1 ack 1 <sack 1001:4001>').out('. 1:1001');
    expect(s.tcp.caState).toBe(CA_RECOVERY);
    expect(s.tcp.ssthresh).toBe(5);
    s.wait(100).in('. 1 ack 10001').quiet();
    expect(s.tcp.caState).toBe(CA_OPEN);
    expect(s.tcp.cwnd).toBe(5);
  });

  it('limited transmit: new data for the first two (RFC 3042)', () => {
    const s = flying(12);
    s.wait(100).in('. 1 ack 1 <sack 1001:2001>').out('. 10001:11001').quiet();
    s.in('. 1 ack 1 <sack 1001:3001>').out('P. 11001:12001').quiet();
  });

  it('several holes are filled, each once', () => {
    const s = flying(10);
    s.wait(100);
    s.in('. 1 ack 1 <sack 1001:2001>').in('. 1 ack 1 <sack 3001:4001,sack 1001:2001>');
    s.in('. 1 ack 1 <sack 5001:6001,sack 3001:4001,sack 1001:2001>');
    s.in('. 1 ack 1 <sack 5001:8001,sack 3001:4001,sack 1001:2001>');
    s.in('. 1 ack 1 <sack 5001:10001,sack 3001:4001,sack 1001:2001>');
    s.out('. 1:1001').out('. 2001:3001').out('. 4001:5001').quiet();
    s.wait(100).in('. 1 ack 10001').quiet();
    expect(s.tcp.tx.length).toBe(0);
  });

  it('a retransmission that is lost too is seen by its time (RFC 8985 section 6)', () => {
    const s = flying(10);
    s.wait(100).in('. 1 ack 1 <sack 2001:5001>').out('. 1:1001').quiet();
    s.in('. 1 ack 1 <sack 2001:10001>').out('. 1001:2001').quiet();
    // The second retransmission arrives, the first one does not.
    s.wait(100).in('. 1 ack 1 <sack 1001:10001>').out('. 1:1001').quiet();
    expect(s.tcp.caState).toBe(CA_RECOVERY);
    s.wait(100).in('. 1 ack 10001');
    expect(s.tcp.totalRetrans).toBe(3);
  });

  it('with reordering seen it waits a while instead of counting to three', () => {
    const s = flying(10);
    s.wait(100).in('. 1 ack 1 <sack 1001:2001>').in('. 1 ack 2001');
    expect(s.tcp.reorderSeen).toBe(1);
    s.drop();
    s.in('. 1 ack 2001 <sack 3001:8001>').quiet();
    s.wait(30).out('. 2001:3001').quiet();
  });

  it('a spurious one is undone by D-SACK (RFC 3708)', () => {
    const s = flying(10);
    const { cwnd } = s.tcp;
    s.wait(100).in('. 1 ack 1 <sack 1001:4001>').out('. 1:1001');
    expect(s.tcp.cwnd).toBeLessThan(cwnd);
    s.in('. 1 ack 4001').drop();
    s.wait(100).in('. 1 ack 4001 <sack 1:1001>');
    expect(s.tcp.cwnd).toBe(cwnd);
    expect(s.tcp.caState).toBe(CA_OPEN);
  });

  it('a spurious one is undone by a timestamp (Eifel, RFC 3522)', () => {
    const s = flying(10, '<mss 1012,sackok,ws 0,ts 500 0>');
    const { cwnd } = s.tcp;
    s.wait(100).in('. 1 ack 1 <ts 700 1100,sack 1001:4001>').out('. 1:1001');
    s.wait(1).in('. 1 ack 10001 <ts 701 1100>');
    expect(s.tcp.cwnd).toBeGreaterThanOrEqual(cwnd);
    expect(s.tcp.caState).toBe(CA_OPEN);
  });

  it('the window shrinks in proportion, not at a stroke (RFC 6937)', () => {
    const s = flying(30);
    s.wait(100);
    let sent = 0;
    for (let i = 2; i <= 10; i++) {
      s.in(`. 1 ack 1 <sack 1001:${1000 * i + 1}>`);
      sent += s.drop();
    }
    expect(s.tcp.caState).toBe(CA_RECOVERY);
    // Two by limited transmit, and a half of what the others report.
    expect(sent).toBeGreaterThanOrEqual(5);
    expect(sent).toBeLessThanOrEqual(7);
  });

  it('blocks of what was never sent, and of nothing, are no news', () => {
    const s = flying(4);
    s.in('. 1 ack 1 <sack 9001:10001,sack 3001:3001>').quiet();
    s.in('. 1 ack 1 <sack 2001:1001>').quiet();
    expect(s.tcp.tx.sacked).toBe(0);
  });
});

describe('without SACK: NewReno (RFC 6582)', () => {
  it('three duplicates, then one hole at each partial acknowledgement', () => {
    const s = flying(10, '<mss 1000>');
    s.wait(100).in('. 1 ack 1').in('. 1 ack 1').quiet().in('. 1 ack 1').out('. 1:1001').quiet();
    expect(s.tcp.caState).toBe(CA_RECOVERY);
    s.wait(100).in('. 1 ack 3001').out('. 3001:4001').quiet();
    s.wait(100).in('. 1 ack 7001').out('. 7001:8001').quiet();
    s.wait(100).in('. 1 ack 10001');
    s.in('. 1 ack 10001').quiet();
    expect(s.tcp.cwnd).toBe(5);
    expect(s.tcp.tx.length).toBe(0);
  });

  it('a window update is no duplicate', () => {
    const s = flying(10, '<mss 1000>');
    s.in('. 1 ack 1 win 60000')
      .in('. 1 ack 1 win 61000')
      .in('. 1 ack 1 win 62000')
      .in('. 1 ack 1 win 63000')
      .quiet();
    expect(s.tcp.dupAcks).toBe(0);
  });
});

describe('the retransmission timer (RFC 6298)', () => {
  it('doubles, and gives up with ETIMEDOUT', () => {
    const s = new Script().passive();
    s.write(10).drop();
    let last = s.time;
    const gaps: number[] = [];
    for (let i = 0; i < 6; i++) {
      while (s.sent.length === 0) s.wait(1);
      s.drop();
      gaps.push(s.time - last);
      last = s.time;
    }
    for (let i = 1; i < 6; i++) expect(gaps[i] / gaps[i - 1]).toBeCloseTo(2, 1);
    s.wait(2_000_000);
    expect(s.tcp.error).toBe(ETIMEDOUT);
    // tcp_retries2 15: 924.6 s and what is left of the last wait.
    expect(s.time).toBeGreaterThan(900_000);
  });

  it('reports what ICMP told when it gives up (RFC 9293 section 3.9.2.2)', () => {
    const s = new Script().passive();
    s.write(10).drop();
    s.tcp.icmpError(113, s.tcp.sndUna);
    s.wait(2_000_000);
    expect(s.tcp.error).toBe(113);
    expect(s.host.suspected).toBeGreaterThan(0);
  });

  it('TCP_USER_TIMEOUT ends it earlier', () => {
    const s = new Script({ options: { userTimeout: 5000 } }).passive();
    s.write(10);
    s.wait(5500);
    expect(s.tcp.error).toBe(ETIMEDOUT);
  });

  it('takes no RTT from what was sent again (Karn)', () => {
    const s = flying(1, '<mss 1000>');
    const { srtt } = s.tcp;
    s.wait(1000).out('P. 1:1001');
    s.in('. 1 ack 1001');
    expect(s.tcp.srtt).toBe(srtt);
  });

  it('takes it from the timestamp even then (RFC 7323 section 4)', () => {
    const s = flying(1, '<mss 1012,sackok,ws 0,ts 500 0>');
    const { srtt } = s.tcp;
    s.wait(1000).drop();
    s.in(`. 1 ack 1001 <ts 1600 ${s.clock.time - 50}>`);
    expect(s.tcp.srtt).not.toBe(srtt);
  });

  it('begins again with one segment and doubles through what is lost (RFC 5681 section 3.1)', () => {
    const s = flying(10, '<mss 1000>');
    s.wait(s.tcp.rto + 1)
      .out('. 1:1001')
      .quiet();
    expect(s.tcp.caState).toBe(CA_LOSS);
    expect(s.tcp.cwnd).toBe(1);
    s.wait(100).in('. 1 ack 1001');
    expect(s.drop()).toBe(2);
    s.wait(100).in('. 1 ack 3001');
    expect(s.drop()).toBeGreaterThanOrEqual(3);
  });

  it('F-RTO: when the first copies are acknowledged after all, nothing was lost (RFC 5682)', () => {
    const s = flying(10);
    const { cwnd } = s.tcp;
    // No probe: it would come first.
    s.tcp.shared.settings.tailLossProbe = false;
    s.wait(2000).drop();
    expect(s.tcp.caState).toBe(CA_LOSS);
    s.in('. 1 ack 1 <sack 1001:3001>');
    expect(s.tcp.caState).toBe(CA_DISORDER);
    expect(s.tcp.cwnd).toBeGreaterThanOrEqual(cwnd);
  });

  it('a receiver that takes back what it reported is sent it again (RFC 2018 section 8)', () => {
    const s = flying(4);
    s.wait(100).in('. 1 ack 1 <sack 2001:4001>');
    s.wait(5000).drop();
    s.in('. 1 ack 2001').wait(20_000).drop();
    expect(s.tcp.shared.counters.TCPSACKReneging).toBeGreaterThan(0);
    s.in('. 1 ack 4001');
    expect(s.tcp.tx.length).toBe(0);
  });
});

describe('tail loss probe (RFC 8985 section 7)', () => {
  it('sends the last segment again after two round trips', () => {
    const s = flying(3);
    const start = s.time;
    s.wait(202)
      .out('P. 2001:3001', start + 202)
      .quiet();
    s.in('. 1 ack 1 <sack 2001:3001>');
    expect(s.tcp.caState).toBeGreaterThanOrEqual(CA_DISORDER);
  });

  it('sends new data if there is some', () => {
    const s = flying(12);
    s.wait(202).out('. 10001:11001').quiet();
  });

  it('reduces the window when the probe repaired a loss', () => {
    const s = flying(3);
    s.wait(202).drop();
    s.wait(100).in('. 1 ack 3001');
    const { cwnd } = s.tcp;
    s.write(1000).drop();
    s.wait(100).in('. 1 ack 4001');
    expect(s.tcp.cwnd).toBeLessThan(cwnd);
    expect(s.tcp.shared.counters.TCPLossProbeRecovery).toBe(1);
  });

  it('does not when the probe was for nothing', () => {
    const s = flying(3);
    s.wait(202).drop();
    s.wait(50).in('. 1 ack 3001').in('. 1 ack 3001 <sack 2001:3001>');
    const { cwnd } = s.tcp;
    s.write(1000).drop();
    s.wait(100).in('. 1 ack 4001');
    expect(s.tcp.cwnd).toBeGreaterThanOrEqual(cwnd);
  });
});

describe('congestion windows', () => {
  it('slow start doubles each round trip, and only a window that is used grows', () => {
    const s = flying(100);
    s.wait(100);
    for (let i = 1; i <= 10; i++) s.in(`. 1 ack ${1000 * i + 1}`);
    expect(s.tcp.cwnd).toBe(20);
    expect(s.drop()).toBe(20);
    const idle = flying(2);
    idle.wait(100).in('. 1 ack 2001');
    expect(idle.tcp.cwnd).toBe(10);
  });

  it('Reno: one segment a round trip above the threshold', () => {
    const s = flying(100);
    s.tcp.ssthresh = 10;
    s.wait(100);
    for (let i = 1; i <= 10; i++) s.in(`. 1 ack ${1000 * i + 1}`);
    expect(s.tcp.cwnd).toBe(11);
  });

  it('after idling begins small again (RFC 5681 section 4.1)', () => {
    const s = flying(100);
    s.wait(100);
    for (let i = 1; i <= 30; i++) s.in(`. 1 ack ${1000 * i + 1}`);
    s.drop();
    for (let i = 31; i <= 60; i++) s.in(`. 1 ack ${1000 * i + 1}`);
    s.in('. 1 ack 100001').drop();
    expect(s.tcp.tx.length).toBe(0);
    expect(s.tcp.cwnd).toBeGreaterThan(30);
    s.wait(20_000).write(50_000);
    expect(s.drop()).toBe(10);
  });

  it('CUBIC comes back to where it fell after K seconds (RFC 9438)', () => {
    const s = flying(10, '<mss 1000,sackok,ws 7>', false);
    s.tcp.cwnd = 100;
    const control = s.tcp.congestion;
    s.tcp.ssthresh = control.onCongestion(s.tcp);
    expect(s.tcp.ssthresh).toBe(70);
    s.tcp.cwnd = 70;
    const k = Math.cbrt(30 / 0.4);
    let now = 1000;
    for (; now < 1000 + k * 1000; now += 100) control.onAck(s.tcp, s.tcp.cwnd, now);
    expect(s.tcp.cwnd).toBeGreaterThanOrEqual(97);
    expect(s.tcp.cwnd).toBeLessThanOrEqual(103);
    for (const end = now + 3000; now < end; now += 100) control.onAck(s.tcp, s.tcp.cwnd, now);
    expect(s.tcp.cwnd).toBeGreaterThan(108);
  });
});

describe('CUBIC (RFC 9438)', () => {
  const falling = () => {
    const s = flying(10, '<mss 1000,sackok,ws 7>', false);
    s.tcp.cwnd = 100;
    return { s, control: s.tcp.congestion };
  };

  it('falls to 0.7 of its window, and never below two segments (section 4.6)', () => {
    const { s, control } = falling();
    expect(control.onCongestion(s.tcp)).toBe(70);
    s.tcp.cwnd = 2;
    expect(control.onCongestion(s.tcp)).toBe(2);
  });

  it('a flow that falls before its last peak aims lower, to leave room (section 4.7)', () => {
    const peak = (second: number): number => {
      const { s, control } = falling();
      s.tcp.ssthresh = control.onCongestion(s.tcp);
      s.tcp.cwnd = second;
      s.tcp.ssthresh = control.onCongestion(s.tcp);
      s.tcp.cwnd = s.tcp.ssthresh;
      // Where growth is slowest is the window it aims at.
      let slowest = { by: Number.POSITIVE_INFINITY, at: 0 };
      for (let now = 1000; now < 8000; now += 500) {
        const before = s.tcp.cwnd;
        for (let t = 0; t < 500; t += 50) control.onAck(s.tcp, s.tcp.cwnd, now + t);
        const by = s.tcp.cwnd - before;
        if (by < slowest.by) slowest = { by, at: s.tcp.cwnd };
      }
      return slowest.at;
    };
    expect(peak(80)).toBeLessThan(peak(120) * 0.75);
  });

  it('is no slower than Reno where that is faster (section 4.3)', () => {
    const { s, control } = falling();
    s.tcp.cwnd = 10;
    s.tcp.ssthresh = control.onCongestion(s.tcp);
    s.tcp.cwnd = s.tcp.ssthresh;
    // Over a short path the cubic function has hardly begun after 40 round trips of 1 ms.
    for (let round = 0; round < 40; round++) control.onAck(s.tcp, s.tcp.cwnd, 1000 + round);
    expect(s.tcp.cwnd).toBeGreaterThan(20);
  });
});

describe('the reordering window (RFC 8985 section 6.2)', () => {
  it('grows with each round trip that a D-SACK shows to be too short, up to a round trip', () => {
    const s = flying(10);
    s.wait(100).in('. 1 ack 1 <sack 1001:2001>').in('. 1 ack 2001');
    s.drop();
    const steps = s.tcp.rackSteps;
    s.in('. 1 ack 2001 <sack 3001:8001>').quiet();
    s.wait(30).out('. 2001:3001');
    s.wait(1).in('. 1 ack 8001 <sack 2001:3001>');
    expect(s.tcp.rackSteps).toBe(steps + 1);
    expect(s.tcp.rackPersist).toBe(16);
  });
});

describe('ECN (RFC 3168)', () => {
  it('a segment sent again is not marked as capable (section 6.1.5)', () => {
    const s = new Script();
    s.in('SEW 0:1 <mss 1000,sackok>').drop();
    s.in('. 1 ack 1').write(10).out('P. 1:11 ect');
    s.wait(400);
    const again = s.sent.join();
    expect(again).toContain('1:11');
    expect(again).not.toContain('ect');
  });

  it('a SYN that is not answered is repeated without asking (section 6.1.1.1)', () => {
    const s = new Script({ tune: (shared) => (shared.settings.ecn = 1) });
    s.tcp.connect();
    s.out('SEW 0:1').wait(1100).out('S 0:1');
    s.in('S. 0:1 ack 1 <mss 1000,sackok>').out('. 1 ack 1').write(10).out('P. 1:11');
  });

  it('is agreed on when the other side asks, and marks data, not acknowledgements', () => {
    const s = new Script();
    s.in('SEW 0:1 <mss 1000,sackok>').out('S.E 0:1 ack 1');
    s.in('. 1 ack 1').write(10).out('P. 1:11 ect');
    s.in('P. 1:11 ack 11 ect').out('. 11 ack 11').quiet();
  });

  it('asks with tcp_ecn 1', () => {
    const s = new Script({ tune: (shared) => (shared.settings.ecn = 1) });
    s.tcp.connect();
    s.out('SEW 0:1');
    s.in('SE. 0:1 ack 1 <mss 1000,sackok>').out('. 1 ack 1').write(10).out('P. 1:11 ect');
  });

  it('echoes congestion until the other side has slowed down', () => {
    const s = new Script();
    s.in('SEW 0:1 <mss 1000,sackok>').drop();
    s.in('. 1 ack 1');
    s.in('P. 1:11 ack 1 ce').out('.E 1 ack 11').in('P. 11:21 ack 1 ect').out('.E 1 ack 21');
    s.in('P.W 21:31 ack 1 ect').out('. 1 ack 31');
  });

  it('slows down once a round trip, and says so', () => {
    const s = new Script({ options: { congestion: 'reno' } });
    s.in('SEW 0:1 <mss 1000,sackok>').drop();
    s.in('. 1 ack 1').write(30_000);
    expect(s.drop()).toBe(10);
    s.wait(100).drop();
    s.in('.E 1 ack 1001');
    expect(s.tcp.caState).toBe(CA_CWR);
    expect(s.tcp.ssthresh).toBe(5);
    s.in('.E 1 ack 2001').in('.E 1 ack 3001');
    expect(s.tcp.ssthresh).toBe(5);
    expect(s.sent[0]).toContain('W');
    expect(s.sent.slice(1).join()).not.toContain('W');
    s.drop();
    s.in('. 1 ack 10001');
    for (let i = 11; i < 20; i++) s.in(`. 1 ack ${1000 * i + 1}`);
    expect(s.tcp.caState).toBe(CA_OPEN);
  });
});
