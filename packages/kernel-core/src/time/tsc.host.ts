import { readFileSync } from 'node:fs';
import {
  Assembler,
  allocatePages,
  callable,
  codePage,
  libcFunctionAddress,
  mem,
  type NativeFunction,
  viewOf,
} from '@sandbox/native';
import { CounterDiscipline, type CounterReading } from './counter.js';
import type { Counter, CounterParameters, VvarPage } from './vvar-page.js';

const NSEC_PER_SEC = 1_000_000_000;
const READINGS = 5;
/** A counter whose line breaks so often is not to be trusted. */
const MAX_STEPS = 8;

/**
 * Is the time stamp counter constant, running through sleep states and the same on all processors? The host's
 * own use of it says so.
 */
function isReliable(): boolean {
  try {
    const source = readFileSync(
      '/sys/devices/system/clocksource/clocksource0/current_clocksource',
      'latin1',
    ).trim();
    if (source === 'tsc') return true;
    if (source !== 'kvm-clock') return false;
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1] ?? '';
    return / constant_tsc( |$)/.test(flags) && / nonstop_tsc( |$)/.test(flags);
  } catch {
    return false;
  }
}

/**
 * void sample(out, clock_gettime): counter, CLOCK_MONOTONIC, counter, CLOCK_REALTIME, counter, as close
 * together as it goes. Counters at out[0], [8], [16]; the clocks' timespecs at out[32] and out[48].
 */
function buildSampler(): NativeFunction {
  const a = new Assembler();
  const counter = (at: number): void => {
    a.lfence()
      .rdtsc()
      .mov(mem('rbx', at), 'eax')
      .mov(mem('rbx', at + 4), 'edx');
  };
  const clock = (id: number, at: number): void => {
    a.mov('edi', id).lea('rsi', mem('rbx', at)).callIndirect('r12');
  };
  a.push('rbx').push('r12').sub('rsp', 8).mov('rbx', 'rdi').mov('r12', 'rsi');
  counter(0);
  clock(1, 32);
  counter(8);
  clock(0, 48);
  counter(16);
  a.add('rsp', 8).pop('r12').pop('rbx').ret();
  return callable(codePage(a.assemble()), 2);
}

/**
 * The host's time stamp counter, disciplined to its clocks: one for the whole process, whatever number of
 * kernels read it.
 */
class TscCounter implements Counter {
  readonly discipline = new CounterDiscipline();
  private readonly pages = new Set<VvarPage>();
  private readonly out = allocatePages(4096);
  private readonly words = new Uint32Array(viewOf(this.out, 64));
  private readonly sampler = buildSampler();
  private readonly clockGettime = libcFunctionAddress('clock_gettime');
  private readonly reading: CounterReading = { ticks: 0, monotonic: 0, offset: 0, uncertainty: 0 };
  private originLo = 0;
  private originHi = 0;
  private originMonotonicSec = 0;
  private originRealtimeSec = 0;
  private broken = false;
  private current: CounterParameters | null = null;

  constructor() {
    this.sampler(this.out, this.clockGettime);
    const w = this.words;
    this.originLo = w[0]!;
    this.originHi = w[1]!;
    this.originMonotonicSec = w[8]! + w[9]! * 4294967296;
    this.originRealtimeSec = w[12]! + w[13]! * 4294967296;
    this.refresh(false);
  }

  get interval(): number {
    return this.discipline.interval;
  }

  attach(page: VvarPage): void {
    this.pages.add(page);
    if (this.current) page.write(this.current);
  }

  detach(page: VvarPage): void {
    this.pages.delete(page);
  }

  refresh(pause: boolean): boolean {
    if (this.broken) return false;
    this.read();
    const stepped = this.discipline.update(this.reading, pause);
    if (this.discipline.steps > MAX_STEPS) {
      this.broken = true;
      this.current = null;
      for (const page of this.pages) page.disable();
    } else if (this.discipline.calibrated) {
      this.publish();
    }
    return stepped;
  }

  private ticks(word: number): number {
    return (this.words[word + 1]! - this.originHi) * 4294967296 + (this.words[word]! - this.originLo);
  }

  /** The narrowest of a few readings: the others were interrupted. */
  private read(): void {
    const r = this.reading;
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < READINGS; i++) {
      this.sampler(this.out, this.clockGettime);
      const before = this.ticks(0);
      const between = this.ticks(2);
      const after = this.ticks(4);
      if (after - before >= best) continue;
      best = after - before;
      const w = this.words;
      const monotonic = (w[8]! + w[9]! * 4294967296 - this.originMonotonicSec) * NSEC_PER_SEC + w[10]!;
      const realtime = (w[12]! + w[13]! * 4294967296 - this.originRealtimeSec) * NSEC_PER_SEC + w[14]!;
      // The two clocks were read half a window apart; before the rate is known a tick counts as a third of a
      // nanosecond.
      const rate = this.discipline.slope > 0 ? this.discipline.slope : 1 / 3;
      r.ticks = Math.round((before + between) / 2);
      r.monotonic = monotonic;
      r.offset = Math.round(realtime - monotonic - ((after - before) / 2) * rate);
      r.uncertainty = (after - before) * rate;
    }
  }

  private publish(): void {
    const d = this.discipline;
    const lo = this.originLo + (d.baseTicks % 4294967296);
    const carry = lo >= 4294967296 ? 1 : 0;
    const realtime = d.baseNs + d.offset;
    const p: CounterParameters = {
      tscLo: lo >>> 0,
      tscHi: this.originHi + Math.floor(d.baseTicks / 4294967296) + carry,
      mult: 0,
      shift: 0,
      monotonicSec: this.originMonotonicSec + Math.floor(d.baseNs / NSEC_PER_SEC),
      monotonicNsec: d.baseNs - Math.floor(d.baseNs / NSEC_PER_SEC) * NSEC_PER_SEC,
      realtimeSec: this.originRealtimeSec + Math.floor(realtime / NSEC_PER_SEC),
      realtimeNsec: realtime - Math.floor(realtime / NSEC_PER_SEC) * NSEC_PER_SEC,
    };
    d.fill(p);
    this.current = p;
    for (const page of this.pages) page.write(p);
  }
}

let counter: TscCounter | null | undefined;

/** The process's counter; null when the host's is not good enough. The first call takes the first reading. */
export function tscCounter(): TscCounter | null {
  if (counter === undefined) counter = isReliable() ? new TscCounter() : null;
  return counter;
}
