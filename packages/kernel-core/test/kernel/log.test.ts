import { expect, test } from 'vitest';
import { KernelLog, LOG_SIZE } from '../../src/process/kernel/log.js';
import type { Clock } from '../../src/time/source.js';

const clock = { monotonic: () => 1_500_000_000 } as Clock;

test('records are told with priority and time, from any of them on', () => {
  const log = new KernelLog(clock);
  log.append(4, 'first');
  log.append(13, 'two\nlines');
  expect([...log.lines(0)].map(({ line }) => line)).toEqual([
    '<4>[    1.500000] first\n',
    '<13>[    1.500000] two\n<13>[    1.500000] lines\n',
  ]);
  expect([...log.lines(1)].length).toBe(1);
  expect(log.from(2)).toBeUndefined();
});

test('the oldest go when it is full', () => {
  const log = new KernelLog(clock);
  for (let i = 0; i < 1000; i++) log.append(4, 'x'.repeat(1000));
  expect(log.next).toBe(1000);
  expect(log.next - log.first).toBe(Math.floor(LOG_SIZE / 1064));
  expect(log.from(0)?.sequence).toBe(log.first);
});
