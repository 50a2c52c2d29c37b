import { describe, expect, it } from 'vitest';
import { CounterDiscipline, type CounterReading } from '../../src/time/counter.js';
import { SeededRandom } from '../../src/time/seeded-random.js';

/** A counter of 2.6 GHz (or what `rate` says), read with some jitter. */
class World {
  ns = 0;
  ticks = 1000;
  offset = 0;
  rate = 1 / 2.6;
  readonly random = new SeededRandom(3);
  readonly discipline = new CounterDiscipline();
  /** Latest the line has shown. */
  shown = 0;

  pass(ns: number): void {
    this.ns += ns;
    this.ticks += ns / this.rate;
  }
  refresh(pause = false): boolean {
    this.look();
    const jitter = (this.random.uint32() % 40) - 20;
    const reading: CounterReading = {
      ticks: this.ticks,
      monotonic: this.ns + jitter,
      offset: this.offset + jitter,
      uncertainty: 100,
    };
    const stepped = this.discipline.update(reading, pause);
    this.look();
    return stepped;
  }
  /** What a reader sees: must never go back. Returns the error. */
  look(): number {
    if (!this.discipline.calibrated) return 0;
    const seen = Math.floor(this.discipline.at(this.ticks));
    expect(seen).toBeGreaterThanOrEqual(this.shown);
    this.shown = seen;
    return seen - this.ns;
  }
}

describe('the counter against the clocks', () => {
  it('follows within a microsecond once calibrated', () => {
    const world = new World();
    world.refresh();
    expect(world.discipline.calibrated).toBe(false);
    world.pass(10_000_000);
    world.refresh();
    expect(world.discipline.calibrated).toBe(true);
    for (let i = 0; i < 100; i++) {
      for (let k = 0; k < 10; k++) {
        world.pass(world.discipline.interval / 10);
        if (i > 2) expect(Math.abs(world.look())).toBeLessThan(1000);
      }
      world.refresh();
    }
    expect(world.discipline.steps).toBe(0);
  });

  it('follows a host that is slewed, and stays right through pauses', () => {
    const world = new World();
    world.refresh();
    world.pass(10_000_000);
    world.refresh();
    for (let i = 0; i < 200; i++) {
      if (i === 50) world.rate *= 1 + 100e-6;
      if (i === 120) {
        world.refresh(true);
        world.pass(3600e9);
        world.refresh();
      }
      world.pass(world.discipline.interval);
      world.refresh();
      if (i > 100 && i !== 120) expect(Math.abs(world.look())).toBeLessThan(1000);
    }
  });

  it('tells when CLOCK_REALTIME was set, and nothing of jitter', () => {
    const world = new World();
    for (let i = 0; i < 20; i++) {
      world.pass(50_000_000);
      expect(world.refresh()).toBe(false);
    }
    world.offset += 5e9;
    world.pass(50_000_000);
    expect(world.refresh()).toBe(true);
    expect(world.discipline.offset).toBeGreaterThan(4.9e9);
    world.pass(50_000_000);
    expect(world.refresh()).toBe(false);
  });

  it('jumps forward over a gap, slows down when ahead, starts over when the counter was reset', () => {
    const world = new World();
    for (let i = 0; i < 10; i++) {
      world.pass(50_000_000);
      world.refresh();
    }
    world.ns += 5_000_000;
    world.refresh();
    expect(world.discipline.steps).toBe(1);
    world.ns -= 2_000_000;
    for (let i = 0; i < 20; i++) {
      world.refresh();
      world.pass(world.discipline.interval);
    }
    expect(Math.abs(world.look())).toBeLessThan(100_000);
    expect(world.discipline.steps).toBe(1);
    world.ticks = 5;
    world.shown = 0;
    world.refresh();
    expect(world.discipline.calibrated).toBe(false);
  });
});
