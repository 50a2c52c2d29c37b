import { ETIMEDOUT, TCP_CLOSE, TCP_ESTABLISHED } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { Script } from './script.js';

const keep = { keepAlive: true, keepIdle: 10_000, keepInterval: 1000, keepCount: 3 };

describe('keepalive (RFC 9293 section 3.8.4)', () => {
  it('probes an idle connection, and goes on when it is answered', () => {
    const s = new Script({ options: keep }).passive();
    s.at(10_000).out('. 0:0 ack 1', 10_000).quiet();
    s.in('. 1 ack 1').at(19_000).quiet();
    s.at(20_100).out('. 0:0 ack 1', 20_000);
  });

  it('gives up after TCP_KEEPCNT probes, with RST', () => {
    const s = new Script({ options: keep }).passive();
    s.at(20_000);
    for (const at of [10_000, 11_000, 12_000]) s.out('. 0:0 ack 1', at);
    s.out('R. 1 ack 1', 13_000).quiet().state(TCP_CLOSE);
    expect(s.tcp.error).toBe(ETIMEDOUT);
  });

  it('does nothing while data is outstanding, and what comes puts it off', () => {
    const s = new Script({ options: keep }).passive();
    s.at(9000).in('P. 1:11 ack 1').drop();
    s.at(18_900).quiet();
    s.at(19_100).out('. 0:0 ack 11');
  });

  it('begins when the option is set, not before', () => {
    const s = new Script().passive();
    s.wait(100_000).quiet();
    Object.assign(s.options, keep);
    s.tcp.optionsChanged();
    s.wait(100).out('. 0:0 ack 1');
    s.in('. 1 ack 1');
    s.options.keepAlive = false;
    s.tcp.optionsChanged();
    s.wait(100_000).quiet().state(TCP_ESTABLISHED);
  });

  it('is answered, also when the probe brings an old byte', () => {
    const s = new Script().passive();
    s.in('. 0 ack 1').out('. 1 ack 1');
    s.wait(600).in('. 0:1 ack 1').out('. 1 ack 1');
  });

  it('TCP_USER_TIMEOUT takes the place of the count', () => {
    const s = new Script({ options: { ...keep, userTimeout: 11_500 } }).passive();
    s.at(30_000);
    s.out('. 0:0 ack 1', 10_000).out('. 0:0 ack 1', 11_000).out('R. 1 ack 1', 12_000).state(TCP_CLOSE);
  });
});

describe('TCP_USER_TIMEOUT', () => {
  it('ends a connection whose window stays shut', () => {
    const s = new Script({ options: { userTimeout: 3000 } }).passive('<mss 1000>', 2000);
    s.write(4000).drop();
    s.in('. 1 ack 2001 win 0');
    s.wait(10_000).state(TCP_CLOSE);
    expect(s.tcp.error).toBe(ETIMEDOUT);
  });
});

describe('nothing is left armed', () => {
  it('when a connection has ended', () => {
    const s = new Script({ options: keep }).passive();
    s.write(100).in('P. 1:11 ack 1');
    s.tcp.abort();
    expect(s.clock.timers.size).toBe(0);
    s.drop();
    s.wait(1e9).quiet();
  });
});
