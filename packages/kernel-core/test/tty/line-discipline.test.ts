import { readFileSync } from 'node:fs';
import { EAGAIN, ICANON, VSTART, VSTOP } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { Termios } from '../../src/files/tty/termios.js';
import { Pair } from './pair.js';

/** What Linux did; see fixtures/record.py. */
interface Recorded {
  ops: [string, unknown][];
  want: [number | string, string][];
}
interface Settings {
  i: number;
  o: number;
  l: number;
  c: string;
}

const recorded: Recorded[] = JSON.parse(
  readFileSync(new URL('fixtures/line-discipline.json', import.meta.url), 'utf8'),
);

const latin1 = (hex: unknown): string => Buffer.from(hex as string, 'hex').toString('latin1');
const toHex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

function change(pair: Pair, s: Settings): number {
  const t = new Termios();
  t.iflag = s.i;
  t.oflag = s.o;
  t.lflag = s.l;
  t.cc.set(Buffer.from(s.c, 'hex'));
  pair.tty.setTermios(t);
  return 0;
}

function flush(pair: Pair, queue: number): number {
  if (queue !== 1) pair.tty.flushInput();
  if (queue !== 0) pair.tty.discardOutput();
  return 0;
}

function flow(pair: Pair, action: number): number {
  const { tty } = pair;
  if (action < 2) tty.stopByCall(action === 0);
  else {
    const c = tty.termios.cc[action === 2 ? VSTOP : VSTART]!;
    if (c !== 0 && !tty.stoppedByCall) tty.master.output.push(c);
  }
  return 0;
}

function perform(pair: Pair, kind: string, argument: unknown): number | string {
  switch (kind) {
    case 't':
      return change(pair, argument as Settings);
    case 'm':
      return pair.type(latin1(argument));
    case 's':
      return pair.print(latin1(argument)) || -EAGAIN;
    case 'r': {
      const got = pair.read(argument as number);
      return got === null ? -EAGAIN : toHex(got);
    }
    case 'i':
      return pair.tty.line.readable;
    case 'f':
      return flush(pair, argument as number);
    default:
      return flow(pair, argument as number);
  }
}

describe('as Linux did it', () => {
  for (const [n, { ops, want }] of recorded.entries()) {
    it(`case ${n}`, () => {
      const pair = new Pair();
      const got = ops.map(([kind, argument]) => {
        const result = perform(pair, kind, argument);
        const screen = pair.screen();
        return [result, typeof screen === 'number' ? '' : toHex(screen)];
      });
      expect(got).toEqual(want);
    });
  }
});

describe('long lines', () => {
  it('keeps 4095 characters and the end of the line', () => {
    const pair = new Pair();
    for (let i = 0; i < 100; i++) {
      expect(pair.type('x'.repeat(100))).toBe(100);
      pair.screen();
    }
    expect(pair.read()).toBe(null);
    pair.type('y\n');
    expect(pair.tty.line.readable).toBe(4096);
    expect(pair.read(10000)).toBe(`${'x'.repeat(4095)}\n`);
    expect(pair.read()).toBe(null);
  });

  it('holds raw input back instead', () => {
    const pair = new Pair();
    const t = new Termios();
    t.lflag = 0;
    t.iflag = 0;
    pair.tty.setTermios(t);
    const total = 4095 + 16384;
    let typed = 0;
    for (let n = pair.type('x'.repeat(1000)); n > 0; n = pair.type('x'.repeat(1000))) typed += n;
    expect(typed).toBe(total);
    let read = 0;
    for (let s = pair.read(); s !== null; s = pair.read()) read += s.length;
    expect(read).toBe(total);
  });

  it('gives what is buffered as one line when canonical mode comes back', () => {
    const pair = new Pair();
    const raw = new Termios();
    raw.lflag &= ~ICANON;
    pair.tty.setTermios(raw);
    pair.type('abc');
    pair.tty.setTermios(new Termios());
    pair.type('d\n');
    expect(pair.read()).toBe('abc');
    expect(pair.read()).toBe('d\n');
  });
});

it('ends in bounded time whatever is echoed', () => {
  const pair = new Pair();
  // Reprinting a long line of control characters overruns the echo queue.
  for (let i = 0; i < 60; i++) pair.type('\x16\x01'.repeat(50));
  for (let i = 0; i < 50; i++) pair.type('\x12\x12');
  expect(pair.tty.master.output.length).toBeLessThanOrEqual(16384);
});
