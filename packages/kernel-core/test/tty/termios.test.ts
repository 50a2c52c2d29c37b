import { expect, it } from 'vitest';
import { Termios } from '../../src/files/tty/termios.js';

const bytes = new Uint8Array(64);
const view = new DataView(bytes.buffer);
const hex = (n: number): string => Buffer.from(bytes.subarray(0, n)).toString('hex');

// A fresh pseudo-terminal on Linux.
const FRESH2 = '0005000005000000bf0000003b8a000000031c7f150400010011131a00120f17160000000096000000960000';

it('lays out the settings of a fresh terminal as Linux does', () => {
  const t = new Termios();
  expect(hex(t.encode(bytes, view, true))).toBe(FRESH2);
  expect(hex(t.encode(bytes, view, false))).toBe(FRESH2.slice(0, 72));
  expect(hex(t.encodeOld(bytes, view))).toBe('00050500bf003b8a00031c7f150400010000');
});

it('takes speeds from c_cflag unless it says BOTHER', () => {
  const t = new Termios();
  t.cflag = (t.cflag & ~0x100f) | 0x1002;
  t.encode(bytes, view, true);
  t.decode(bytes, view, false);
  expect([t.ispeed, t.ospeed]).toEqual([115200, 115200]);
  t.cflag = (t.cflag & ~0x100f) | 0x1000;
  t.ispeed = t.ospeed = 12345;
  t.encode(bytes, view, true);
  const other = new Termios();
  other.decode(bytes, view, true);
  expect([other.ispeed, other.ospeed]).toEqual([12345, 12345]);
});
