import {
  AUDIT_ARCH_X86_64,
  BPF_ABS,
  BPF_ALU,
  BPF_AND,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_RET,
  BPF_W,
  EPERM,
  SECCOMP_DATA,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SYSCALL_NAMES,
} from '@sandbox/abi';
import type { OciSeccomp, OciSyscallRule } from '../config/types.js';
import { Failure } from '../failure.js';

/** Calls of x32 have this bit (X32_SYSCALL_BIT); there are none here. */
const X32_BIT = 0x40000000;

type Argument = NonNullable<OciSyscallRule['args']>[number];

/** Classic BPF under construction: jumps go to labels, which are resolved at the end. */
class Program {
  private readonly code: { op: number; k: number; yes: string | null; no: string | null }[] = [];
  private readonly labels = new Map<string, number>();
  private names = 0;

  fresh(): string {
    return `l${this.names++}`;
  }
  label(name: string): void {
    this.labels.set(name, this.code.length);
  }
  load(offset: number): void {
    this.code.push({ op: BPF_LD | BPF_W | BPF_ABS, k: offset, yes: null, no: null });
  }
  and(mask: number): void {
    this.code.push({ op: BPF_ALU | BPF_AND | BPF_K, k: mask, yes: null, no: null });
  }
  ret(value: number): void {
    this.code.push({ op: BPF_RET | BPF_K, k: value, yes: null, no: null });
  }
  /** `null`: go on with what follows. */
  jump(op: number, k: number, yes: string | null, no: string | null): void {
    this.code.push({ op: BPF_JMP | op | BPF_K, k, yes, no });
  }

  /** However far. */
  goTo(label: string): void {
    this.code.push({ op: BPF_JMP | BPF_JA, k: 0, yes: label, no: null });
  }

  bytes(): Uint8Array {
    const out = new Uint8Array(this.code.length * 8);
    const view = new DataView(out.buffer);
    this.code.forEach(({ op, k, yes, no }, i) => {
      view.setUint16(i * 8, op, true);
      if (op === (BPF_JMP | BPF_JA)) {
        view.setUint32(i * 8 + 4, this.labels.get(yes!)! - i - 1, true);
        return;
      }
      view.setUint8(i * 8 + 2, this.distance(yes, i));
      view.setUint8(i * 8 + 3, this.distance(no, i));
      view.setUint32(i * 8 + 4, k >>> 0, true);
    });
    return out;
  }

  private distance(label: string | null, from: number): number {
    if (label === null) return 0;
    const to = this.labels.get(label)! - from - 1;
    if (to > 255) throw new Failure('seccomp: the rules of one system call are too many');
    return to;
  }
}

function actionWord(action: string, errno: number | undefined): number {
  switch (action) {
    case 'SCMP_ACT_ALLOW':
      return SECCOMP_RET_ALLOW;
    case 'SCMP_ACT_LOG':
      return SECCOMP_RET_LOG;
    case 'SCMP_ACT_ERRNO':
      return (SECCOMP_RET_ERRNO | ((errno ?? EPERM) & 0xffff)) >>> 0;
    case 'SCMP_ACT_TRACE':
      return (SECCOMP_RET_TRACE | ((errno ?? EPERM) & 0xffff)) >>> 0;
    case 'SCMP_ACT_TRAP':
      return SECCOMP_RET_TRAP;
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return SECCOMP_RET_KILL_THREAD;
    case 'SCMP_ACT_KILL_PROCESS':
      return SECCOMP_RET_KILL_PROCESS;
    case 'SCMP_ACT_NOTIFY':
      // What a listener gets is a descriptor of the host's kernel, which does not see these calls.
      throw new Failure(
        "seccomp: SCMP_ACT_NOTIFY is not supported: calls of the container are not the host's to answer",
      );
    default:
      throw new Failure(`seccomp: the action ${action} is not supported`);
  }
}

interface Rule {
  readonly args: readonly Argument[];
  readonly word: number;
}

/**
 * A filter of `linux.seccomp` as `struct sock_filter`s, with the meaning libseccomp gives it: rules are for
 * calls of x86-64, whose names it knows; all arguments of a rule must match; one call's rules are asked in
 * their order. Null: it would let everything pass.
 */
export function compileSeccomp(seccomp: OciSeccomp): Uint8Array | null {
  const fallback = actionWord(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const rules = new Map<number, Rule[]>();
  for (const { names, action, errnoRet, args = [] } of seccomp.syscalls ?? []) {
    const word = actionWord(action, errnoRet);
    if (word === fallback) continue;
    for (const name of names) {
      const nr = SYSCALL_NAMES.indexOf(name);
      if (nr < 0) continue;
      const list = rules.get(nr);
      if (list === undefined) rules.set(nr, [{ args, word }]);
      else list.push({ args, word });
    }
  }
  if (fallback === SECCOMP_RET_ALLOW && rules.size === 0) return null;
  return assemble(rules, fallback);
}

function assemble(rules: ReadonlyMap<number, readonly Rule[]>, fallback: number): Uint8Array {
  const p = new Program();
  const native = p.fresh();
  p.load(SECCOMP_DATA.arch);
  p.jump(BPF_JEQ, AUDIT_ARCH_X86_64, native, null);
  p.ret(SECCOMP_RET_KILL_PROCESS);
  p.label(native);
  p.load(SECCOMP_DATA.nr);
  const known = p.fresh();
  p.jump(BPF_JGE, X32_BIT, null, known);
  p.ret(fallback);
  p.label(known);
  search(p, runsOf(rules), fallback);
  return p.bytes();
}

/** Neighbouring calls with the same answer whatever their arguments; or one call, with its rules. */
interface Run {
  readonly first: number;
  last: number;
  readonly word: number | null;
  readonly rules: readonly Rule[];
}

function runsOf(rules: ReadonlyMap<number, readonly Rule[]>): Run[] {
  const runs: Run[] = [];
  for (const nr of [...rules.keys()].sort((a, b) => a - b)) {
    const mine = rules.get(nr)!;
    const word = mine[0]!.args.length === 0 ? mine[0]!.word : null;
    const before = runs[runs.length - 1];
    if (before !== undefined && word !== null && before.word === word && before.last === nr - 1)
      before.last = nr;
    else runs.push({ first: nr, last: nr, word, rules: mine });
  }
  return runs;
}

/** A binary search over the numbers of calls: the accumulator has one. */
function search(p: Program, runs: readonly Run[], fallback: number): void {
  if (runs.length === 0) {
    p.ret(fallback);
    return;
  }
  if (runs.length === 1) {
    answer(p, runs[0]!, fallback);
    return;
  }
  const middle = runs.length >> 1;
  const [below, from] = [p.fresh(), p.fresh()];
  p.jump(BPF_JGE, runs[middle]!.first, null, below);
  p.goTo(from);
  p.label(below);
  search(p, runs.slice(0, middle), fallback);
  p.label(from);
  search(p, runs.slice(middle), fallback);
}

function answer(p: Program, run: Run, fallback: number): void {
  const [within, mine] = [p.fresh(), p.fresh()];
  p.jump(BPF_JGE, run.first, within, null);
  p.ret(fallback);
  p.label(within);
  p.jump(BPF_JGT, run.last, null, mine);
  p.ret(fallback);
  p.label(mine);
  if (run.word !== null) {
    p.ret(run.word);
    return;
  }
  for (const rule of run.rules) {
    const miss = p.fresh();
    for (const arg of rule.args) compare(p, arg, miss);
    p.ret(rule.word);
    p.label(miss);
    // What follows a rule without conditions is never asked.
    if (rule.args.length === 0) return;
  }
  p.ret(fallback);
}

const low = (n: number): number => (n % 4294967296) >>> 0;
const high = (n: number): number => Math.floor(n / 4294967296) >>> 0;

/** Go on when argument `arg` matches, to `miss` when not: 64 bits as two words. */
function compare(p: Program, { index, value, valueTwo = 0, op }: Argument, miss: string): void {
  const at = SECCOMP_DATA.args + 8 * index;
  const hit = p.fresh();
  const words = (onLow: () => void): void => {
    p.load(at + 4);
    onLow();
  };
  switch (op) {
    case 'SCMP_CMP_EQ':
      words(() => {
        p.jump(BPF_JEQ, high(value), null, miss);
        p.load(at);
        p.jump(BPF_JEQ, low(value), null, miss);
      });
      break;
    case 'SCMP_CMP_NE':
      words(() => {
        p.jump(BPF_JEQ, high(value), null, hit);
        p.load(at);
        p.jump(BPF_JEQ, low(value), miss, null);
      });
      break;
    case 'SCMP_CMP_MASKED_EQ':
      words(() => {
        p.and(high(value));
        p.jump(BPF_JEQ, high(valueTwo), null, miss);
        p.load(at);
        p.and(low(value));
        p.jump(BPF_JEQ, low(valueTwo), null, miss);
      });
      break;
    default:
      p.load(at + 4);
      order(p, op, value, at, hit, miss);
  }
  p.label(hit);
}

/** The four orderings: the high words decide unless they are equal. */
function order(p: Program, op: string, value: number, at: number, hit: string, miss: string): void {
  const greater = op === 'SCMP_CMP_GT' || op === 'SCMP_CMP_GE';
  const equal = p.fresh();
  p.jump(BPF_JGT, high(value), greater ? hit : miss, null);
  p.jump(BPF_JEQ, high(value), equal, greater ? miss : hit);
  p.label(equal);
  p.load(at);
  if (op === 'SCMP_CMP_GT') p.jump(BPF_JGT, low(value), null, miss);
  else if (op === 'SCMP_CMP_GE') p.jump(BPF_JGE, low(value), null, miss);
  else if (op === 'SCMP_CMP_LE') p.jump(BPF_JGT, low(value), miss, null);
  else p.jump(BPF_JGE, low(value), miss, null);
}
