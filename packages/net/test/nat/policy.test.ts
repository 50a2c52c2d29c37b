import { describe, expect, test } from 'vitest';
import { EgressPolicy } from '../../src/index.js';
import { address } from '../support/net.js';

const policy = (...allow: string[]) => new EgressPolicy(allow, () => 0);

describe('egress rules', () => {
  test('nothing by default', () => {
    expect(policy().check('tcp', address('1.1.1.1'), 80).allowed).toBe(false);
    expect(policy().allowsName('example.com')).toBe(false);
  });

  test.each([
    ['1.1.1.1', 'tcp', '1.1.1.1', 80, true],
    ['1.1.1.1:53', 'udp', '1.1.1.1', 53, true],
    ['1.1.1.1:53', 'udp', '1.1.1.1', 54, false],
    ['1.1.1.1:53/tcp', 'udp', '1.1.1.1', 53, false],
    ['10.0.0.0/8:8000-8999', 'tcp', '10.255.0.1', 8500, true],
    ['10.0.0.0/8:8000-8999', 'tcp', '11.0.0.1', 8500, false],
    ['2001:db8::1', 'tcp', '2001:db8::1', 1, true],
    ['[2001:db8::/32]:443', 'tcp', '2001:db8:1::', 443, true],
    ['[2001:db8::/32]:443', 'tcp', '2001:db8:1::', 444, false],
    ['*', 'tcp', '8.8.8.8', 443, true],
    ['*', 'tcp', '127.0.0.1', 443, false],
    ['*', 'tcp', '169.254.169.254', 80, false],
    ['*', 'tcp', '::ffff:10.0.0.1', 80, false],
    ['*:443', 'tcp', '8.8.8.8', 80, false],
  ] as const)('%s: %s to %s port %i is %s', (rule, protocol, to, port, allowed) => {
    expect(policy(rule).check(protocol, address(to), port).allowed).toBe(allowed);
  });

  test.each(['', 'a b', 'x:99999', '1.2.3.4:9-3', 'http://x', '*.*.com', ':80', 'x:80/sctp'])(
    'malformed: %j',
    (rule) => {
      expect(() => policy(rule)).toThrow(TypeError);
    },
  );

  test('a name rule that also names the private range lets its answers through', () => {
    const both = policy('db.internal:5432', '10.0.0.0/8:5432');
    expect(both.pin('db.internal', address('10.1.1.1'), 60)).toBe(true);
    expect(policy('db.internal').pin('db.internal', address('10.1.1.1'), 60)).toBe(false);
  });
});
