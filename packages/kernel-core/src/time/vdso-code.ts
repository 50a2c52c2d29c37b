import {
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_MONOTONIC_RAW,
  CLOCK_REALTIME,
  CLOCK_REALTIME_COARSE,
  CLOCK_TAI,
  SYS_clock_getres,
  SYS_clock_gettime,
  SYS_getcpu,
  SYS_gettimeofday,
  SYS_time,
} from '@sandbox/abi';
import { Assembler, type Mem, mem, memLabel, type Reg } from '@sandbox/native';
import { COARSE_RESOLUTION_NS } from './source.js';
import { MODE_TSC, VVAR } from './vvar.js';

/** Functions of the vDSO in the order of their code. */
export const VDSO_FUNCTIONS = ['clock_gettime', 'gettimeofday', 'time', 'clock_getres', 'getcpu'] as const;

const NSEC_PER_SEC = 1_000_000_000;
const bits = (...ids: number[]): number => ids.reduce((mask, id) => mask | (1 << id), 0);
/** Clock ids served here: those that show CLOCK_MONOTONIC, those that show CLOCK_REALTIME. */
const MONOTONIC_IDS = bits(CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME);
const REALTIME_IDS = bits(CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI);
const COARSE_IDS = bits(CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_COARSE);
const MAX_ID = CLOCK_TAI;

/**
 * The code of the vDSO. None of it touches the stack, so one line of unwind information serves all. `dataAt`
 * is where the data page lies, counted from the first byte of the code (negative: before it).
 */
class VdsoCode {
  readonly asm = new Assembler();
  private labels = 0;

  constructor(private readonly dataAt: number) {
    this.asm.label('start');
  }

  private data(field: number): Mem {
    return memLabel('start', this.dataAt + field);
  }

  private fresh(): string {
    return `l${++this.labels}`;
  }

  /** Begin a function: aligned, with a label of its name. */
  function(name: string): void {
    this.asm.align(16).label(name);
  }

  /** The system call instead, with the arguments still in place. */
  private fallback(label: string, nr: number): void {
    this.asm.label(label).mov('eax', nr).syscall().ret();
  }

  /**
   * The time of the base r9 points to: seconds in r11, nanoseconds in rax. Goes to `fallback` when the
   * counter is not to be used. Changes rax, rcx, rdx, r8, r10, r11 only.
   */
  private readTime(fallback: string): void {
    const a = this.asm;
    const [again, ready, positive, long, loop, done] = [0, 0, 0, 0, 0, 0].map(() => this.fresh()) as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    a.label(again)
      .mov('r10d', this.data(VVAR.seq))
      .test('r10d', 1)
      .jcc('e', ready)
      .pause()
      .jmp(again)
      .label(ready)
      .cmpd(this.data(VVAR.mode), MODE_TSC)
      .jcc('ne', fallback)
      .mov('r8', this.data(VVAR.tscBase))
      .mov('r11', this.data(VVAR.mult))
      .mov('ecx', this.data(VVAR.shift))
      // Without the fence the counter may be read before the fields are.
      .lfence()
      .rdtsc()
      .shl('rdx', 32)
      .or('rax', 'rdx')
      .sub('rax', 'r8')
      // Another processor's counter may lag a little behind the one the base was taken on.
      .jcc('ae', positive)
      .xor('eax', 'eax')
      .label(positive)
      .mul('r11')
      .shrdCl('rax', 'rdx')
      .add('rax', mem('r9', 8))
      .mov('r11', mem('r9'))
      .cmp('r10d', this.data(VVAR.seq))
      .jcc('ne', again);
    // Whole seconds out of the nanoseconds: few as a rule, many after a long sleep.
    a.mov('ecx', NSEC_PER_SEC)
      .mov('rdx', 'rax')
      .shr('rdx', 33)
      .jcc('ne', long)
      .label(loop)
      .cmp('rax', 'rcx')
      .jcc('b', done)
      .sub('rax', 'rcx')
      .inc('r11')
      .jmp(loop)
      .label(long)
      .xor('edx', 'edx')
      .div('rcx')
      .add('r11', 'rax')
      .mov('rax', 'rdx')
      .label(done);
  }

  /** eax = 1 << edi for an id in range; others go to `fallback`. */
  private clockBit(fallback: string): void {
    this.asm.cmp('edi', MAX_ID).jcc('a', fallback).mov('ecx', 'edi').mov('eax', 1).shlCl('eax');
  }

  /** int clock_gettime(clockid_t edi, struct timespec *rsi) */
  clockGettime(): void {
    const a = this.asm;
    this.function('clock_gettime');
    this.clockBit('clock_gettime_call');
    a.lea('r9', this.data(VVAR.monotonic))
      .test('eax', MONOTONIC_IDS)
      .jcc('ne', 'clock_gettime_read')
      .test('eax', REALTIME_IDS)
      .jcc('e', 'clock_gettime_call')
      .lea('r9', this.data(VVAR.realtime))
      .label('clock_gettime_read');
    this.readTime('clock_gettime_call');
    a.mov(mem('rsi'), 'r11').mov(mem('rsi', 8), 'rax').xor('eax', 'eax').ret();
    this.fallback('clock_gettime_call', SYS_clock_gettime);
  }

  /** int gettimeofday(struct timeval *rdi, struct timezone *rsi) */
  gettimeofday(): void {
    const a = this.asm;
    this.function('gettimeofday');
    a.test('rdi', 'rdi').jcc('e', 'gettimeofday_zone').lea('r9', this.data(VVAR.realtime));
    this.readTime('gettimeofday_call');
    // Division by 1000 of a number below 2^30: multiply by 2^38 / 1000, rounded up.
    a.mov('ecx', 274877907)
      .mul('rcx')
      .shr('rax', 38)
      .mov(mem('rdi'), 'r11')
      .mov(mem('rdi', 8), 'rax')
      .label('gettimeofday_zone')
      .test('rsi', 'rsi')
      .jcc('e', 'gettimeofday_end')
      .movq(mem('rsi'), 0)
      .label('gettimeofday_end')
      .xor('eax', 'eax')
      .ret();
    this.fallback('gettimeofday_call', SYS_gettimeofday);
  }

  /** time_t time(time_t *rdi) */
  time(): void {
    const a = this.asm;
    this.function('time');
    a.lea('r9', this.data(VVAR.realtime));
    this.readTime('time_call');
    a.mov('rax', 'r11')
      .test('rdi', 'rdi')
      .jcc('e', 'time_end')
      .mov(mem('rdi'), 'rax')
      .label('time_end')
      .ret();
    this.fallback('time_call', SYS_time);
  }

  /** int clock_getres(clockid_t edi, struct timespec *rsi) */
  clockGetres(): void {
    const a = this.asm;
    this.function('clock_getres');
    this.clockBit('clock_getres_call');
    a.mov('edx', 1)
      .test('eax', (MONOTONIC_IDS | REALTIME_IDS) & ~COARSE_IDS)
      .jcc('ne', 'clock_getres_store')
      .mov('edx', COARSE_RESOLUTION_NS)
      .test('eax', COARSE_IDS)
      .jcc('e', 'clock_getres_call')
      .label('clock_getres_store')
      .test('rsi', 'rsi')
      .jcc('e', 'clock_getres_end')
      .movq(mem('rsi'), 0)
      .mov(mem('rsi', 8), 'rdx')
      .label('clock_getres_end')
      .xor('eax', 'eax')
      .ret();
    this.fallback('clock_getres_call', SYS_clock_getres);
  }

  /** int getcpu(unsigned *rdi, unsigned *rsi, void *unused): Linux keeps node << 12 | cpu in IA32_TSC_AUX. */
  getcpu(): void {
    const a = this.asm;
    const store = (register: Reg, end: string, value: Reg): void => {
      const pointer = register as 'rdi' | 'rsi';
      a.test(pointer, pointer).jcc('e', end).mov(mem(pointer), value).label(end);
    };
    this.function('getcpu');
    a.cmpd(this.data(VVAR.cpuNumbers), 1)
      .jcc('ne', 'getcpu_call')
      .rdtscp()
      .mov('eax', 'ecx')
      .and('eax', 0xfff);
    store('rdi', 'getcpu_cpu', 'eax');
    a.shr('ecx', 12);
    store('rsi', 'getcpu_node', 'ecx');
    a.xor('eax', 'eax').ret();
    this.fallback('getcpu_call', SYS_getcpu);
  }
}

/** The finished code and where each function starts and ends in it. */
export interface VdsoText {
  readonly bytes: Uint8Array;
  readonly symbols: ReadonlyMap<string, { readonly offset: number; readonly size: number }>;
}

/** Assemble the code for a data page `dataAt` bytes from its start. */
export function assembleVdso(dataAt: number): VdsoText {
  const code = new VdsoCode(dataAt);
  code.clockGettime();
  code.gettimeofday();
  code.time();
  code.clockGetres();
  code.getcpu();
  const bytes = code.asm.assemble();
  const symbols = new Map<string, { offset: number; size: number }>();
  VDSO_FUNCTIONS.forEach((name, i) => {
    const offset = code.asm.labelOffset(name);
    const next = VDSO_FUNCTIONS[i + 1];
    symbols.set(name, { offset, size: (next ? code.asm.labelOffset(next) : bytes.length) - offset });
  });
  return { bytes, symbols };
}
