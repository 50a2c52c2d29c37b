import type { Task } from '../task/task.js';

/** FIFO of tasks whose blocked call is to go on. A ring: no allocation once it has grown. */
export class RunQueue {
  private ring: (Task | null)[] = new Array(64).fill(null);
  private head = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  push(task: Task): void {
    if (this.count === this.ring.length) this.grow();
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = task;
    this.count++;
  }

  shift(): Task | null {
    if (this.count === 0) return null;
    const task = this.ring[this.head]!;
    this.ring[this.head] = null;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.count--;
    return task;
  }

  private grow(): void {
    const old = this.ring;
    const ring: (Task | null)[] = new Array(old.length * 2).fill(null);
    for (let i = 0; i < this.count; i++) ring[i] = old[(this.head + i) & (old.length - 1)]!;
    this.ring = ring;
    this.head = 0;
  }
}
