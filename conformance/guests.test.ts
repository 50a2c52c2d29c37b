/**
 * Every guest program, on the host's Linux and in the sandbox: what it prints and how it ends must be equal.
 * Topics are kernels of their own; exclusions.json lists the programs that differ, with the reason, and only
 * shrinks.
 */
import { describe, expect, it } from 'vitest';
import { describeGuests } from './guest-suite.js';
import { exclusions, listGuests } from './harness.js';

describeGuests(listGuests());

describe('exclusions', () => {
  it('name programs that exist', () => {
    const names = listGuests().map((g) => `${g.topic}/${g.name}`);
    expect(Object.keys(exclusions()).filter((name) => !names.includes(name))).toEqual([]);
  });
});
