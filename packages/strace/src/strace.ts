import { SYSCALL_NAMES, USER_REGS } from '@sandbox/abi';
import { BLOCKED, NO_RESULT } from '@sandbox/kernel-core/call';
import type { KernelCore, SigInfo, SyscallTracer, Task } from '@sandbox/kernel-core/process';
import { type Arg, Call, pointer } from './call.js';
import { REFINEMENTS } from './calls.js';
import { resultText } from './results.js';
import { argOf, hexWord } from './shapes.js';
import { siginfoText, signalName } from './signal-structs.js';
import { MAX_STRING, quote } from './text.js';

/** Results begin in this column, where the call leaves room (strace -a). */
const RESULT_COLUMN = 40;
/** Ignored signals that are told of behind one call. */
const MAX_LATER = 64;
/** Calls that do not come back. */
const ENDS = new Set(['exit', 'exit_group']);

export interface StraceOptions {
  /** Receives whole lines and, when a call blocks, the beginning of one. */
  write(text: string): void;
  /**
   * Each line begins with the thread's number, not only while there are several: as strace writes to a file.
   */
  alwaysPid?: boolean;
}

/** A call that has begun. */
interface Open {
  readonly call: Call;
  readonly args: readonly Arg[];
  /** The next argument to print; those before are in `text`. */
  next: number;
  text: string;
  printed: number;
  /** `text` is on the screen, with or without the rest of its line. */
  shown: 'no' | 'partly' | 'cut';
}

/** Prints calls, signals and exits in the manner of strace(1) with -f. */
export class Strace implements SyscallTracer {
  private readonly open = new Map<Task, Open>();
  /** Lines about signals that were ignored while the task was in a call: they come behind it. */
  private readonly later = new Map<Task, string[]>();
  private readonly signatures = new Map<string, readonly Arg[]>();
  /** Whose line has begun and not ended on the screen. */
  private unfinished: Open | null = null;

  constructor(
    private readonly kernel: KernelCore,
    private readonly options: StraceOptions,
  ) {}

  private prefix(task: Task): string {
    if (this.options.alwaysPid) return `${String(task.tid).padEnd(5)} `;
    return this.kernel.pids.tasks.size > 1 ? `[pid ${String(task.tid).padStart(5)}] ` : '';
  }

  private signature(name: string, nr: number): readonly Arg[] {
    let args = this.signatures.get(name);
    if (args === undefined) this.signatures.set(name, (args = this.makeSignature(name, nr)));
    return args;
  }

  private makeSignature(name: string, nr: number): readonly Arg[] {
    const shapes = this.kernel.syscalls.row(nr)?.args;
    const refined = REFINEMENTS[name] ?? [];
    if (shapes === undefined && refined.length === 0) return new Array<Arg>(6).fill(hexWord);
    const count = Math.max(shapes?.length ?? 0, refined.length);
    return Array.from({ length: count }, (_, i) => refined[i] ?? argOf(shapes?.[i] ?? 'ulong'));
  }

  enter(task: Task, nr: number): void {
    const name = this.kernel.syscalls.row(nr)?.name ?? SYSCALL_NAMES[nr] ?? `syscall_0x${nr.toString(16)}`;
    const call = new Call(task, nr, name);
    const args = this.signature(name, nr);
    const o: Open = { call, args, next: 0, text: `${name}(`, printed: 0, shown: 'no' };
    for (let i = 0; i < args.length; i++) args[i]!.enter?.(call, i);
    while (o.next < args.length && !args[o.next]!.late) this.printArgument(o);
    this.open.set(task, o);
    if (!ENDS.has(name)) return;
    this.open.delete(task);
    this.line(task, this.aligned(task, `${o.text})`, '?'));
  }

  private printArgument(o: Open): void {
    const i = o.next++;
    const text = o.args[i]!.print(o.call, i);
    if (text === null) return;
    if (o.printed++ > 0 && !o.text.endsWith(', ')) o.text += ', ';
    o.text += text;
  }

  exit(task: Task, nr: number, result: number): void {
    const o = this.open.get(task);
    if (o === undefined) return;
    if (result === BLOCKED) {
      this.showBeginning(o);
      return;
    }
    this.open.delete(task);
    o.call.result = result === NO_RESULT ? this.restored(task, o.call.name) : result;
    const before = o.text.length;
    while (o.next < o.args.length) this.printArgument(o);
    const rest = `${o.text.slice(before)})`;
    const answer = resultText(o.call);
    if (o.shown === 'partly') {
      this.unfinished = null;
      const column = this.prefix(task).length + before;
      this.options.write(`${rest}${pad(column + rest.length)}= ${answer}\n`);
    } else if (o.shown === 'cut') {
      this.line(task, this.aligned(task, `<... ${o.call.name} resumed>${rest}`, answer));
    } else {
      this.line(task, this.aligned(task, `${o.text})`, answer));
    }
    this.showLater(task);
  }

  private showLater(task: Task): void {
    const lines = this.later.get(task);
    if (lines === undefined) return;
    this.later.delete(task);
    for (const line of lines) this.line(task, line);
  }

  /** execve has succeeded; rt_sigreturn gave back what the interrupted call had answered. */
  private restored(task: Task, name: string): number {
    if (name !== 'rt_sigreturn') return 0;
    const regs = task.context.regs();
    const rax = USER_REGS.rax * 2;
    return regs[rax]! + (regs[rax + 1]! | 0) * 2 ** 32;
  }

  private aligned(task: Task, text: string, answer: string): string {
    return `${text}${pad(this.prefix(task).length + text.length)}= ${answer}`;
  }

  private showBeginning(o: Open): void {
    if (o.shown !== 'no') return;
    this.cut();
    if (o.printed > 0 && o.next < o.args.length) o.text += ', ';
    o.shown = 'partly';
    this.unfinished = o;
    this.options.write(`${this.prefix(o.call.task)}${o.text}`);
  }

  /** Another line comes between: the open one ends here and is taken up again later. */
  private cut(): void {
    const o = this.unfinished;
    if (o === null) return;
    this.unfinished = null;
    o.shown = 'cut';
    this.options.write(' <unfinished ...>\n');
  }

  private line(task: Task, text: string): void {
    this.cut();
    this.options.write(`${this.prefix(task)}${text}\n`);
  }

  started(task: Task, path: string, argv: readonly string[], envp: readonly string[]): void {
    // Behind argc and the arguments on the new stack.
    const env = pointer(task.mm.exec.startStack + 8 * (argv.length + 2));
    const vars = `${envp.length} var${envp.length === 1 ? '' : 's'}`;
    const shown = argv
      .slice(0, MAX_STRING)
      .map((arg) => quote(arg.slice(0, MAX_STRING), arg.length > MAX_STRING));
    if (argv.length > MAX_STRING) shown.push('...');
    const text = `execve(${quote(path)}, [${shown.join(', ')}], ${env} /* ${vars} */)`;
    this.line(task, this.aligned(task, text, '0'));
  }

  signal(task: Task, info: SigInfo): void {
    this.line(task, signalLine(info));
  }

  ignored(task: Task, info: SigInfo): void {
    const text = signalLine(info);
    if (!this.open.has(task)) {
      this.line(task, text);
      return;
    }
    const lines = this.later.get(task);
    if (lines === undefined) this.later.set(task, [text]);
    else if (lines.length < MAX_LATER) lines.push(text);
  }

  stopped(task: Task, signo: number): void {
    this.line(task, `--- stopped by ${signalName(signo)} ---`);
  }

  exited(task: Task, status: number): void {
    const o = this.open.get(task);
    this.open.delete(task);
    this.later.delete(task);
    if (o !== undefined) {
      const known = o.shown === 'cut' ? `<... ${o.call.name} resumed>` : o.text;
      if (o.shown === 'partly') {
        this.unfinished = null;
        this.options.write(' <unfinished ...>) = ?\n');
      } else this.line(task, this.aligned(task, `${known} <unfinished ...>)`, '?'));
    }
    const signal = status & 0x7f;
    this.line(
      task,
      signal === 0
        ? `+++ exited with ${(status >> 8) & 0xff} +++`
        : `+++ killed by ${signalName(signal)} +++`,
    );
  }
}

function signalLine(info: SigInfo): string {
  return `--- ${signalName(info.signo)} ${siginfoText(info)} ---`;
}

function pad(column: number): string {
  return ' '.repeat(Math.max(1, RESULT_COLUMN - column));
}
