import { internetChecksum } from '@sandbox/net';
import { expect, it } from 'vitest';

it('sums the example of RFC 1071', () => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  expect(internetChecksum(bytes)).toBe(~0xddf2 & 0xffff);
});

it('is zero over bytes that hold their own checksum', () => {
  const bytes = Uint8Array.of(
    0x45,
    0x00,
    0x00,
    0x1c,
    0,
    0,
    0x40,
    0x00,
    0x40,
    0x01,
    0,
    0,
    10,
    0,
    0,
    1,
    10,
    0,
    0,
    2,
  );
  const sum = internetChecksum(bytes);
  bytes[10] = sum >> 8;
  bytes[11] = sum & 0xff;
  expect(internetChecksum(bytes)).toBe(0);
});
