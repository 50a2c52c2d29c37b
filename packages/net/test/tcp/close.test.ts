import {
  ECONNRESET,
  EPIPE,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
} from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { readAll, write } from './harness.js';
import { Script } from './script.js';

const byte = new Uint8Array(1);

describe('closing (RFC 9293 section 3.6)', () => {
  it('first: FIN_WAIT1, FIN_WAIT2, TIME_WAIT', () => {
    const s = new Script().passive();
    s.tcp.close();
    s.state(TCP_FIN_WAIT1).out('F. 1:2 ack 1');
    s.in('. 1 ack 2').state(TCP_FIN_WAIT2).quiet();
    s.in('F. 1:2 ack 2').out('. 2 ack 2').state(TCP_CLOSE);
    expect(s.host.inTimeWait).toBe(true);
    expect(s.tcp.error).toBe(0);
  });

  it('first, acknowledged with the other FIN', () => {
    const s = new Script().passive();
    s.tcp.close();
    s.drop();
    s.in('F. 1:2 ack 2').out('. 2 ack 2').state(TCP_CLOSE);
    expect(s.host.inTimeWait).toBe(true);
  });

  it('second: CLOSE_WAIT, LAST_ACK', () => {
    const s = new Script().passive();
    s.in('F. 1:2 ack 1').out('. 1 ack 2').state(TCP_CLOSE_WAIT);
    expect(s.tcp.poll() & (POLLIN | POLLRDHUP | POLLHUP | POLLOUT)).toBe(POLLIN | POLLRDHUP | POLLOUT);
    expect(readAll(s.tcp)).toHaveLength(0);
    s.write(5).out('P. 1:6 ack 2');
    s.tcp.close();
    s.state(TCP_LAST_ACK).out('F. 6:7 ack 2');
    s.in('. 2 ack 7').state(TCP_CLOSE).quiet();
    expect(s.host.inTimeWait).toBe(false);
  });

  it('both at once: CLOSING (figure 13)', () => {
    const s = new Script().passive();
    s.tcp.close();
    s.out('F. 1:2 ack 1');
    s.in('F. 1:2 ack 1').out('. 2 ack 2').state(TCP_CLOSING);
    s.in('. 2 ack 2').state(TCP_CLOSE);
    expect(s.host.inTimeWait).toBe(true);
  });

  it('half: data still comes in after shutdown', () => {
    const s = new Script().passive();
    s.tcp.shutdownSend();
    s.out('F. 1:2 ack 1');
    expect(write(s.tcp, byte)).toBe(-EPIPE);
    s.in('. 1 ack 2').state(TCP_FIN_WAIT2);
    s.in('P. 1:101 ack 2').out('. 2 ack 101').read(100);
    s.in('F. 101:102 ack 2').out('. 2 ack 102').state(TCP_CLOSE);
    expect(readAll(s.tcp)).toHaveLength(0);
    expect(s.tcp.poll() & (POLLIN | POLLHUP | POLLERR)).toBe(POLLIN | POLLHUP);
  });

  it('sends FIN behind all data, and again when it is lost', () => {
    const s = new Script().passive('<mss 1000,sackok>', 1500);
    s.write(2000).out('. 1:751').out('. 751:1501');
    s.tcp.close();
    s.quiet();
    s.in('. 1 ack 1501 win 1500').out('FP. 1501:2002');
    const rto = s.time + s.tcp.rto;
    s.at(rto + 1).out('FP. 1501:2002');
    s.in('. 1 ack 2002').state(TCP_FIN_WAIT2);
  });

  it('repeats the acknowledgement of a FIN sent again', () => {
    const s = new Script().passive();
    s.in('F. 1:2 ack 1').out('. 1 ack 2');
    s.in('F. 1:2 ack 1').out('. 1 ack 2 <sack 1:2>').state(TCP_CLOSE_WAIT);
  });

  it('takes a FIN that came before its data when the data is there', () => {
    const s = new Script().passive();
    s.in('F. 101:102 ack 1').out('. 1 ack 1').state(TCP_ESTABLISHED);
    s.in('. 1:101 ack 1').out('. 1 ack 102').state(TCP_CLOSE_WAIT);
    s.read(100);
    expect(readAll(s.tcp)).toHaveLength(0);
  });

  it('takes data and FIN in one segment out of order', () => {
    const s = new Script().passive();
    s.in('FP. 101:202 ack 1').out('. 1 ack 1 <sack 101:201>');
    s.in('. 1:101 ack 1').out('. 1 ack 202').state(TCP_CLOSE_WAIT);
    s.read(200);
  });
});

describe('close of a user who is not done (RFC 1122 section 4.2.2.13, RFC 2525 section 2.17)', () => {
  it('resets when data was not read', () => {
    const s = new Script().passive();
    s.in('P. 1:11 ack 1').drop();
    s.tcp.close();
    s.out('R. 1 ack 11').state(TCP_CLOSE);
    expect(s.tcp.shared.pool.used).toBe(0);
  });

  it('resets when data comes after close', () => {
    const s = new Script().passive();
    s.tcp.close();
    s.in('. 1 ack 2').drop();
    s.state(TCP_FIN_WAIT2);
    s.in('P. 1:11 ack 2').out('R. 2').state(TCP_CLOSE);
  });

  it('resets with SO_LINGER 0', () => {
    const s = new Script().passive();
    s.tcp.abort();
    s.out('R. 1 ack 1').state(TCP_CLOSE);
  });

  it('gives FIN_WAIT2 up after tcp_fin_timeout', () => {
    const s = new Script().passive();
    s.tcp.close();
    s.in('. 1 ack 2').state(TCP_FIN_WAIT2);
    s.wait(59_000).state(TCP_FIN_WAIT2).wait(2000).state(TCP_CLOSE);
  });

  it('TCP_LINGER2 -1 does not wait in FIN_WAIT2 at all', () => {
    const s = new Script({ options: { linger2: -1 } }).passive();
    s.tcp.close();
    s.drop();
    s.in('. 1 ack 2').out('R. 2').state(TCP_CLOSE);
  });

  it('an orphan gives up sooner than a connection with a user', () => {
    const s = new Script().passive();
    s.write(10);
    s.tcp.close();
    s.wait(250_000).state(TCP_CLOSE);
  });

  it('close while it opens sends nothing', () => {
    const s = new Script();
    s.tcp.connect();
    s.drop();
    s.tcp.close();
    s.quiet().state(TCP_CLOSE);
  });
});

describe('reset by the other side', () => {
  it('ECONNRESET, after what came before was read', () => {
    const s = new Script().passive();
    s.in('P. 1:11 ack 1').in('R. 11 ack 1').state(TCP_CLOSE);
    expect(s.tcp.poll() & (POLLIN | POLLHUP | POLLERR)).toBe(POLLIN | POLLHUP | POLLERR);
    s.read(10);
    expect(readAll(s.tcp)).toBe(-ECONNRESET);
    expect(readAll(s.tcp)).toHaveLength(0);
    expect(write(s.tcp, byte)).toBe(-EPIPE);
  });

  it('EPIPE in CLOSE_WAIT', () => {
    const s = new Script().passive();
    s.in('F. 1:2 ack 1').in('R. 2 ack 1').state(TCP_CLOSE);
    expect(s.tcp.error).toBe(EPIPE);
  });

  it('throws away what was not sent', () => {
    const s = new Script().passive('<mss 1000>', 2000);
    s.write(10_000).drop();
    s.in('R. 1 ack 1').state(TCP_CLOSE);
    expect(write(s.tcp, byte)).toBe(-ECONNRESET);
    expect(s.tcp.shared.pool.used).toBe(0);
  });
});

describe('TIME_WAIT (RFC 9293 section 3.10.7.4, RFC 6191, RFC 1337)', () => {
  const closed = (options = '<mss 1460,sackok,ws 0>') => {
    const s = new Script().passive(options);
    s.tcp.close();
    s.drop();
    const stamp = options.includes('ts') ? ` <ts 600 ${s.clock.time}>` : '';
    s.in(`F. 1:2 ack 2${stamp}`).drop();
    return { s, record: s.tcp.timeWaitRecord() };
  };

  it('lasts a minute, and an old FIN is acknowledged and lengthens it', () => {
    const { s, record } = closed();
    expect(record.expires - s.clock.time).toBe(60_000);
    s.wait(10_000);
    expect(s.ask(record, 'F. 1:2 ack 2')).toBe('acknowledge');
    expect(record.expires - s.clock.time).toBe(60_000);
  });

  it('a new SYN with a higher number takes its place, an old one does not', () => {
    const { s, record } = closed();
    expect(s.ask(record, 'S 500:501')).toBe('reopen');
    expect(s.ask(record, 'S 1:2')).toBe('acknowledge');
  });

  it('a SYN with a later timestamp takes its place whatever its number', () => {
    const { s, record } = closed('<mss 1460,sackok,ws 0,ts 500 0>');
    expect(s.ask(record, 'S -5000:-4999 <mss 1460,ts 700 0>')).toBe('reopen');
    expect(s.ask(record, 'S 5000:5001 <mss 1460,ts 400 0>')).toBe('acknowledge');
  });

  it('an RST of the expected number ends it', () => {
    const { s, record } = closed();
    expect(s.ask(record, 'R 2')).toBe('drop');
    expect(record.expires).toBe(0);
  });
});
