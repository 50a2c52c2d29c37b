import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLOCK_MONOTONIC, CLOCK_REALTIME } from '@sandbox/abi';
import {
  allocatePages,
  callable,
  hostMonotonicNs,
  hostRealtimeNsec,
  hostRealtimeSec,
  hostSyscall,
  viewOf,
} from '@sandbox/native';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HostClock } from '../../src/time/clock.host.js';
import { tscCounter } from '../../src/time/tsc.host.js';
import { vdsoImage } from '../../src/time/vdso.js';
import { VvarPage } from '../../src/time/vvar-page.js';

const image = vdsoImage();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vdso-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the image', () => {
  it('is what readelf takes for a shared object with versioned functions', () => {
    const file = join(folder, 'vdso.so');
    writeFileSync(file, image.bytes);
    const text = execFileSync('readelf', ['-aW', file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const name of ['clock_gettime', 'gettimeofday', 'time', 'clock_getres', 'getcpu']) {
      expect(text).toMatch(new RegExp(`FUNC +GLOBAL +DEFAULT +\\d+ __vdso_${name}@@LINUX_2.6`));
      expect(text).toMatch(new RegExp(`FUNC +WEAK +DEFAULT +\\d+ ${name}@@LINUX_2.6`));
    }
    expect(text).toContain('linux-vdso.so.1');
    expect(text).toMatch(/Rev: 1 {2}Flags: none {2}Index: 2 {2}Cnt: 1 {2}Name: LINUX_2.6/);
    const frames = execFileSync('readelf', ['--debug-dump=frames', file], { encoding: 'utf8' });
    expect(frames).toMatch(/FDE cie=0+ pc=0+500\.\./);
  });

  it('can be loaded by a dynamic linker, which finds its functions', () => {
    const file = join(folder, 'load.so');
    writeFileSync(file, image.bytes);
    const source = join(folder, 'load.c');
    writeFileSync(
      source,
      `#define _GNU_SOURCE
       #include <dlfcn.h>
       #include <stdio.h>
       int main(int argc, char **argv) {
         void *h = dlopen(argv[1], RTLD_NOW);
         if (!h) { puts(dlerror()); return 1; }
         puts(dlvsym(h, "__vdso_clock_gettime", "LINUX_2.6") ? "found" : "missing");
         puts(dlvsym(h, "time", "LINUX_2.5") ? "found" : "missing");
       }`,
    );
    const program = join(folder, 'load');
    execFileSync('cc', ['-o', program, source, '-ldl']);
    expect(execFileSync(program, [file], { encoding: 'utf8' })).toBe('found\nmissing\n');
  });
});

describe('the code', () => {
  const page = allocatePages(4096 + image.bytes.length);
  const out = allocatePages(4096);
  const words = new Uint32Array(viewOf(out, 64));
  new Uint8Array(viewOf(page + 4096, image.bytes.length)).set(image.bytes);
  const PROT_READ_EXEC = 5;
  hostSyscall(10, page + 4096, image.bytes.length, PROT_READ_EXEC);
  const vvar = new Uint32Array(viewOf(page, 4096));
  const writer = new VvarPage(vvar);
  const fn = (name: string, arity: number) => callable(page + 4096 + image.functions.get(name)!, arity);
  const clockGettime = fn('clock_gettime', 2);
  const gettimeofday = fn('gettimeofday', 2);
  const time = fn('time', 1);
  const clockGetres = fn('clock_getres', 2);
  const getcpu = fn('getcpu', 3);
  const sec = (i = 0): number => words[i] + words[i + 1] * 4294967296;

  it('makes system calls while there is no counter', () => {
    const before = hostMonotonicNs();
    expect(clockGettime(CLOCK_MONOTONIC, out)).toBe(0);
    const now = sec() * 1e9 + words[2];
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(hostMonotonicNs());
    expect(clockGettime(99, out)).toBe(-22);
    expect(gettimeofday(out, 0)).toBe(0);
    expect(Math.abs(sec() - hostRealtimeSec())).toBeLessThan(2);
    expect(getcpu(out, out + 4, 0)).toBe(0);
  });

  it('counts from the base: fractions, whole seconds, long times', () => {
    // A base one full turn of the low word ago, so that some 2^32 ticks and more have passed: too many to be
    // less than a second.
    const parameters = {
      tscLo: 0,
      tscHi: 0,
      mult: 2 ** 40,
      shift: 52,
      monotonicSec: 5,
      monotonicNsec: 999_999_999,
      realtimeSec: 1_700_000_000,
      realtimeNsec: 1,
    };
    writer.write(parameters);
    clockGettime(CLOCK_MONOTONIC, out);
    const monotonic = (sec() - 5) * 1e9 + words[2] - 999_999_999;
    clockGettime(CLOCK_REALTIME, out);
    const realtime = (sec() - 1_700_000_000) * 1e9 + words[2] - 1;
    expect(words[2]).toBeLessThan(1e9);
    expect(realtime - monotonic).toBeGreaterThanOrEqual(0);
    expect(realtime - monotonic).toBeLessThan(1e6);
    const whole = time(0);
    expect(time(out)).toBe(whole);
    expect(sec()).toBe(whole);
    gettimeofday(out, out + 16);
    expect(words[2]).toBeLessThan(1e6);
    // A base in the future counts as no time at all.
    writer.write({ ...parameters, tscHi: 0x7fffffff });
    clockGettime(CLOCK_MONOTONIC, out);
    expect([sec(), words[2]]).toEqual([5, 999_999_999]);
    clockGettime(CLOCK_REALTIME, out);
    expect([sec(), words[2]]).toEqual([1_700_000_000, 1]);
    gettimeofday(out, 0);
    expect([sec(), words[2]]).toEqual([1_700_000_000, 0]);
    writer.setAhead(-100, 999_999_999);
    clockGettime(CLOCK_REALTIME, out);
    expect([sec(), words[2]]).toEqual([1_700_000_000 - 99, 0]);
    writer.setAhead(0, 0);
    writer.disable();
  });

  it('knows the resolutions', () => {
    words.fill(7);
    expect(clockGetres(CLOCK_MONOTONIC, out)).toBe(0);
    expect([sec(), words[2], words[3]]).toEqual([0, 1, 0]);
    expect(clockGetres(5, out)).toBe(0);
    expect(words[2]).toBe(4_000_000);
    expect(clockGetres(CLOCK_MONOTONIC, 0)).toBe(0);
    expect(clockGetres(99, out)).toBe(-22);
  });

  const counter = tscCounter();
  it.skipIf(!counter)('agrees with the host within a few microseconds, and never goes back', () => {
    const clock = new HostClock();
    const until = hostMonotonicNs() + 30e6;
    let last = 0;
    let closest = Number.POSITIVE_INFINITY;
    clock.counter!.attach(writer);
    while (hostMonotonicNs() < until) {
      clock.counter!.refresh(false);
      for (let i = 0; i < 20; i++) {
        clockGettime(CLOCK_MONOTONIC, out);
        const guest = sec() * 1e9 + words[2];
        const host = clock.monotonic();
        closest = Math.min(closest, Math.abs(host - hostMonotonicNs()));
        expect(guest).toBeGreaterThanOrEqual(last);
        expect(host).toBeGreaterThanOrEqual(guest);
        last = host;
      }
    }
    expect(vvar[1]).toBe(1);
    expect(closest).toBeLessThan(5000);
    const real = clock.realtimeSec() * 1e9 + clock.realtimeNsec;
    expect(Math.abs(real - (hostRealtimeSec() * 1e9 + hostRealtimeNsec()))).toBeLessThan(1e7);
    clock.stepRealtime(1000, 0);
    clockGettime(CLOCK_REALTIME, out);
    expect(Math.abs(sec() - hostRealtimeSec() - 1000)).toBeLessThan(2);
    clock.counter!.detach(writer);
  });
});
