import { EHOSTUNREACH, TCP_ESTABLISHED } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { Script } from './script.js';

describe('path MTU (RFC 1191, RFC 5927)', () => {
  it('a smaller one: what was too long goes again in shorter segments', () => {
    const s = new Script().passive();
    s.write(3000).out('. 1:1461').out('. 1461:2921').out('P. 2921:3001');
    s.host.pathMtu = 1000;
    s.tcp.pathChanged(s.tcp.sndUna);
    s.out('. 1:961').out('. 961:1461').out('. 1461:2421').out('. 2421:2921').quiet();
    s.in('. 1 ack 3001').write(1000).out('. 3001:3961').out('P. 3961:4001');
  });

  it('about a segment that is not under way is not believed', () => {
    const s = new Script().passive();
    s.write(1460).drop();
    s.host.pathMtu = 600;
    s.tcp.pathChanged((s.tcp.sndNxt + 5000) | 0);
    s.quiet();
    expect(s.tcp.mss).toBe(1460);
  });

  it('a larger one is used for what comes', () => {
    const s = new Script({ mtu: 9000 }).passive('<mss 8960,sackok,ws 0>');
    s.host.pathMtu = 1500;
    s.tcp.pathChanged();
    s.write(3000).out('. 1:1461').drop();
    s.in('. 1 ack 3001');
    s.host.pathMtu = 9000;
    s.tcp.pathChanged();
    s.write(8000).out('P. 3001:11001');
  });

  it('TCP_MAXSEG bounds both ways', () => {
    const s = new Script({ options: { maxSegment: 700 } });
    s.in('S 0:1 <mss 1460>').out('S. 0:1 ack 1 <mss 700>');
    s.in('. 1 ack 1').write(1000).out('. 1:701').out('P. 701:1001');
  });
});

describe('ICMP errors (RFC 9293 section 3.9.2.2)', () => {
  it('do not end a connection that stands', () => {
    const s = new Script().passive();
    s.write(10);
    s.tcp.icmpError(EHOSTUNREACH, s.tcp.sndUna);
    s.state(TCP_ESTABLISHED);
    expect(s.tcp.error).toBe(0);
  });

  it('are told to a user that wants to know (IP_RECVERR)', () => {
    const s = new Script({ options: { receiveErrors: true } }).passive();
    s.write(10);
    s.tcp.icmpError(EHOSTUNREACH, s.tcp.sndUna);
    expect(s.tcp.error).toBe(EHOSTUNREACH);
  });
});

describe('tcp_info', () => {
  it('has what happened', () => {
    const s = new Script();
    s.shared.settings.tailLossProbe = false;
    s.passive('<mss 1000,sackok,ws 3,ts 500 0>').write(2000).drop();
    s.wait(40).in(`. 1 ack 989 <ts 540 1000>`);
    s.in('P. 1:301 ack 989 <ts 541 1000>');
    const info: Record<string, number> = {};
    s.tcp.info(info);
    expect(info).toMatchObject({
      tcpi_state: TCP_ESTABLISHED,
      tcpi_options: 7,
      tcpi_snd_wscale: 3,
      tcpi_rcv_wscale: 7,
      tcpi_snd_mss: 988,
      tcpi_unacked: 2,
      tcpi_bytes_acked: 988,
      tcpi_bytes_received: 300,
      tcpi_bytes_sent: 2000,
      tcpi_data_segs_out: 3,
      tcpi_data_segs_in: 1,
      tcpi_snd_cwnd: 10,
      tcpi_pmtu: 1500,
      tcpi_total_retrans: 0,
      tcpi_last_data_sent: 40,
    });
    expect(info.tcpi_rtt).toBeGreaterThan(0);
  });
});
