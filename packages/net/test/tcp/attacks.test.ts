import { TCP_CLOSE, TCP_ESTABLISHED } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { Script } from './script.js';

describe('blind attacks (RFC 5961)', () => {
  it('RST: only the very next number resets, any other in the window is challenged', () => {
    const s = new Script().passive();
    s.in('R 500').out('. 1 ack 1').state(TCP_ESTABLISHED);
    s.in('R 70000').quiet().state(TCP_ESTABLISHED);
    s.in('R 0').quiet().state(TCP_ESTABLISHED);
    s.in('R 1').state(TCP_CLOSE);
  });

  it('RST at the end of what SACK told of resets', () => {
    const s = new Script().passive();
    s.in('. 101:201 ack 1').drop();
    s.in('R 201').state(TCP_CLOSE);
  });

  it('SYN is challenged wherever it is', () => {
    const s = new Script().passive();
    s.in('S 500:501').out('. 1 ack 1').state(TCP_ESTABLISHED);
    s.wait(600).in('S -90000:-89999').out('. 1 ack 1').state(TCP_ESTABLISHED);
    s.wait(600).in('S. 1:2 ack 1').out('. 1 ack 1').state(TCP_ESTABLISHED);
  });

  it('challenges are limited', () => {
    const s = new Script().passive();
    for (let i = 0; i < 100; i++) s.in(`R ${100 + i}`);
    expect(s.drop()).toBe(1);
    s.wait(501).in('R 100').out('. 1 ack 1');
  });

  it('data with an acknowledgement out of reach is dropped', () => {
    const s = new Script().passive();
    s.in('P. 1:11 ack -70000').out('. 1 ack 1');
    s.wait(600).in('P. 1:11 ack 5').out('. 1 ack 1');
    expect(s.tcp.readable).toBe(0);
    s.in('P. 1:11 ack -5');
    expect(s.tcp.readable).toBe(10);
  });
});

describe('numbers out of the window (RFC 9293 section 3.10.7.4)', () => {
  it('are answered with what is expected; without data at most twice a second', () => {
    const s = new Script().passive();
    s.in('. -500 ack 1').out('. 1 ack 1');
    s.in('. -500 ack 1').quiet();
    s.in('. 90000:90010 ack 1').out('. 1 ack 1');
    s.in('. 90000:90010 ack 1').out('. 1 ack 1');
  });

  it('a segment without ACK is dropped', () => {
    const s = new Script().passive();
    s.in('P 1:11').quiet();
    expect(s.tcp.readable).toBe(0);
  });
});

describe('PAWS (RFC 7323 section 5)', () => {
  const open = () => new Script().passive('<mss 1000,sackok,ws 0,ts 1000 0>');

  it('drops what is older than what was seen, and says so', () => {
    const s = open();
    s.in('. 1:101 ack 1 <ts 1100 1000>').out('. 1 ack 101 <ts 1000 1100>');
    s.in('. 101:201 ack 1 <ts 1050 1000>').out('. 1 ack 101').quiet();
    expect(s.tcp.readable).toBe(100);
    s.in('. 101:201 ack 1 <ts 1100 1000>');
    expect(s.tcp.readable).toBe(200);
  });

  it('an RST is not judged by its timestamp', () => {
    const s = open();
    s.in('. 1:101 ack 1 <ts 1100 1000>').in('R 101 <ts 500 0>').state(TCP_CLOSE);
  });

  it('a timestamp of 24 days ago says nothing', () => {
    const s = open();
    s.wait(25 * 24 * 3600_000);
    s.in('. 1:101 ack 1 <ts 5 1000>');
    expect(s.tcp.readable).toBe(100);
  });

  it('wraps', () => {
    const s = new Script().passive('<mss 1000,sackok,ws 0,ts 4294967290 0>');
    s.in('. 1:101 ack 1 <ts 5 1000>').out('. 1 ack 101 <ts 1000 5>');
    s.in('. 101:201 ack 1 <ts 4294967295 1000>').out('. 1 ack 101');
  });

  it('echoes the timestamp of the segment at the left edge (section 4.3)', () => {
    const s = open();
    s.in('. 101:201 ack 1 <ts 1200 1000>').out('. 1 ack 1 <ts 1000 1000,sack 101:201>');
    s.in('. 1:101 ack 1 <ts 1150 1000>').out('. 1 ack 201 <ts 1000 1150>');
  });
});
