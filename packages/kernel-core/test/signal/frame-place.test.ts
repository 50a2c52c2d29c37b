import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SA_ONSTACK, SS_AUTODISARM } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import { type FramePlace, placeFrame } from '../../src/process/signal/frame.js';
import { SignalState } from '../../src/process/signal/signal-state.js';

/** What a Linux kernel does with the same stack pointers. */
function measure(): string[][] {
  const dir = mkdtempSync(join(tmpdir(), 'frame-'));
  try {
    const program = join(dir, 'frame-place');
    const source = new URL('./frame-place.c', import.meta.url).pathname;
    execFileSync('gcc', ['-O1', '-fno-stack-protector', '-o', program, source]);
    const out = execFileSync(program, { encoding: 'utf8' });
    return out
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const out: FramePlace = { frame: 0, fpstate: 0 };

describe('placeFrame', () => {
  it('agrees with the host kernel', () => {
    const rows = measure();
    expect(rows).toHaveLength(16);
    for (const [name, ...numbers] of rows) {
      const [rsp, frame, fpstate, xsize, alt] = numbers.map(Number);
      const state = new SignalState();
      if (name === 'altstack') {
        state.altSp = alt;
        state.altSize = 65536;
        state.altFlags = 0;
      }
      const flags = name === 'altstack' ? SA_ONSTACK : 0;
      expect(placeFrame(out, state, rsp, flags, xsize)).toBe(true);
      expect([name, rsp, out.frame, out.fpstate]).toEqual([name, rsp, frame, fpstate]);
    }
  });

  it('refuses an alternate stack that is too small, on entry and when nested', () => {
    const state = new SignalState();
    state.altSp = 0x10000;
    state.altSize = 2048;
    state.altFlags = 0;
    expect(placeFrame(out, state, 0x7fff0000, SA_ONSTACK, 2696)).toBe(false);
    // Running on it already, near its lower end, without SA_ONSTACK.
    expect(placeFrame(out, state, 0x10100, 0, 2696)).toBe(false);
    // With SS_AUTODISARM the kernel does not count a program as running on it.
    state.altFlags = SS_AUTODISARM;
    expect(placeFrame(out, state, 0x10800, 0, 832)).toBe(true);
  });

  it('refuses a stack pointer without room below', () => {
    expect(placeFrame(out, new SignalState(), 100, 0, 832)).toBe(false);
  });
});
