import { HostCallError } from '@sandbox/platform';
import type { KvmContext } from './context.host.js';
import { MAX_CPUS } from './layout.js';
import type { Machine } from './machine.host.js';
import { Vcpu } from './vcpu.host.js';

const EAGAIN = 11;
/** Virtual CPUs this JS thread runs itself: enough that the threads of a busy program keep theirs. */
const MAX_HERE = 48;

/**
 * The virtual CPUs of a machine: a pool for the JS thread, and one for each other thread that runs any. A
 * context stays where it is until its place is needed.
 */
export class Cpus {
  private readonly here: Vcpu[] = [];
  private readonly byRunner: (Vcpu | undefined)[] = [];
  private readonly discarded: Vcpu[] = [];
  private made = 0;
  private uses = 0;
  moves = 0;

  constructor(private readonly machine: Machine) {}

  get count(): number {
    return this.made;
  }

  /** Throws HostCallError, also when there can be no more. */
  private make(): Vcpu {
    if (this.exhausted) throw new HostCallError('KVM_CREATE_VCPU', EAGAIN);
    return new Vcpu(this.machine, this.made++);
  }

  private get exhausted(): boolean {
    return this.made >= Math.min(MAX_CPUS, this.machine.device.maxCpus);
  }

  /** Index of the thread `vcpu` belongs to, -1 for the JS thread. */
  runnerOf(vcpu: Vcpu): number {
    return this.byRunner.indexOf(vcpu);
  }

  /** Nobody would have to make room for a context on thread `index`. */
  isFree(index: number): boolean {
    const vcpu = this.byRunner[index];
    return vcpu === undefined || vcpu.context === null;
  }

  /** Have `context` carried by a virtual CPU of the JS thread. */
  carryHere(context: KvmContext): void {
    const { vcpu } = context;
    if (vcpu && this.runnerOf(vcpu) < 0) {
      vcpu.lastUse = ++this.uses;
      return;
    }
    this.move(context, this.freeHere());
  }

  /** Have it carried by that of thread `index`, on which nothing runs now. */
  carryOn(context: KvmContext, index: number): void {
    let vcpu = this.byRunner[index];
    if (vcpu && context.vcpu === vcpu) return;
    if (!vcpu) {
      vcpu = this.make();
      this.byRunner[index] = vcpu;
    }
    vcpu.context?.displace();
    this.move(context, vcpu);
  }

  private move(context: KvmContext, vcpu: Vcpu): void {
    this.moves++;
    context.displace();
    context.place(vcpu);
    vcpu.lastUse = ++this.uses;
  }

  private freeHere(): Vcpu {
    let oldest: Vcpu | null = null;
    for (const vcpu of this.here) {
      if (vcpu.context === null) return vcpu;
      if (oldest === null || vcpu.lastUse < oldest.lastUse) oldest = vcpu;
    }
    if (oldest === null || (this.here.length < MAX_HERE && !this.exhausted)) {
      const vcpu = this.make();
      this.here.push(vcpu);
      return vcpu;
    }
    oldest.context!.displace();
    return oldest;
  }

  /** What it is in is not known any more: never use it again. */
  discard(vcpu: Vcpu): void {
    const i = this.here.indexOf(vcpu);
    if (i >= 0) this.here.splice(i, 1);
    const runner = this.runnerOf(vcpu);
    if (runner >= 0) this.byRunner[runner] = undefined;
    if (vcpu.context) vcpu.context.vcpu = null;
    vcpu.context = null;
    vcpu.calls = null;
    this.discarded.push(vcpu);
  }

  dispose(): void {
    for (const vcpu of [...this.here, ...this.byRunner, ...this.discarded]) vcpu?.dispose();
    this.here.length = 0;
    this.byRunner.length = 0;
    this.discarded.length = 0;
  }
}
