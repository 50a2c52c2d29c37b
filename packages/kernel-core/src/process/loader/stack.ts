import {
  AT_BASE,
  AT_CLKTCK,
  AT_EGID,
  AT_ENTRY,
  AT_EUID,
  AT_EXECFN,
  AT_FLAGS,
  AT_GID,
  AT_HWCAP,
  AT_HWCAP2,
  AT_MINSIGSTKSZ,
  AT_NULL,
  AT_PAGESZ,
  AT_PHDR,
  AT_PHENT,
  AT_PHNUM,
  AT_PLATFORM,
  AT_RANDOM,
  AT_RSEQ_ALIGN,
  AT_RSEQ_FEATURE_SIZE,
  AT_SECURE,
  AT_SYSINFO_EHDR,
  AT_UID,
  E2BIG,
  EFAULT,
  ENOMEM,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  RLIMIT_STACK,
} from '@sandbox/abi';
import { pageFloor } from '../../mm/layout.js';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { VM_ACCOUNT, VM_GROWSDOWN, VM_STACK, Vma } from '../../mm/vma.js';

const PLATFORM = 'x86_64';
/** Grown in advance (stack_expand). */
const EXPAND = 128 * 1024;
/** Room below the strings is randomised within this. */
const JITTER = 8192;

/** A value of the auxiliary vector: a number below 2^53. */
export type AuxEntry = readonly [type: number, value: number];

/** What a new program finds on its stack. */
export interface StackContents {
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** Path it was executed by (AT_EXECFN). */
  readonly filename: string;
  readonly executable: boolean;
  /** Entries without those that point into the stack. */
  readonly aux: readonly AuxEntry[];
}

/** What `aux` is made of. */
export interface AuxInputs {
  readonly vdso: number;
  readonly minSigStack: number;
  readonly hwcap: number;
  readonly hwcap2: number;
  readonly phdr: number;
  readonly phnum: number;
  readonly base: number;
  readonly entry: number;
  readonly uid: number;
  readonly euid: number;
  readonly gid: number;
  readonly egid: number;
  readonly secure: boolean;
  /** rseq(2) is there for the C library to use. */
  readonly rseq: boolean;
}

/** The auxiliary vector in Linux's order, with zeros where addresses on the stack go. */
export function buildAux(x: AuxInputs): AuxEntry[] {
  const aux: AuxEntry[] = [];
  if (x.vdso > 0) aux.push([AT_SYSINFO_EHDR, x.vdso]);
  aux.push([AT_MINSIGSTKSZ, x.minSigStack], [AT_HWCAP, x.hwcap], [AT_PAGESZ, 4096], [AT_CLKTCK, 100]);
  aux.push(
    [AT_PHDR, x.phdr],
    [AT_PHENT, 56],
    [AT_PHNUM, x.phnum],
    [AT_BASE, x.base],
    [AT_FLAGS, 0],
    [AT_ENTRY, x.entry],
  );
  aux.push(
    [AT_UID, x.uid],
    [AT_EUID, x.euid],
    [AT_GID, x.gid],
    [AT_EGID, x.egid],
    [AT_SECURE, x.secure ? 1 : 0],
  );
  aux.push([AT_RANDOM, 0], [AT_HWCAP2, x.hwcap2], [AT_EXECFN, 0], [AT_PLATFORM, 0]);
  if (x.rseq) aux.push([AT_RSEQ_FEATURE_SIZE, 28], [AT_RSEQ_ALIGN, 32]);
  aux.push([AT_NULL, 0]);
  return aux;
}

/**
 * Make the stack and fill it as the psABI and Linux lay it out (create_elf_tables): from the top the
 * program's path, the environment, the arguments, platform name and random bytes, the vectors. The initial
 * rsp, or -ENOMEM, -E2BIG, -EFAULT.
 */
export function buildStack(mm: MemoryManager, contents: StackContents): number {
  const { argv, envp, filename } = contents;
  const top = mm.layout.stackTop;
  let strings = filename.length + 1 + 8;
  for (const s of argv) strings += s.length + 1;
  for (const s of envp) strings += s.length + 1;
  const vectors = (1 + argv.length + 1 + envp.length + 1 + contents.aux.length * 2) * 8;
  const total = strings + vectors + JITTER + 64;
  const limit = Math.max(mm.limits.soft[RLIMIT_STACK]!, total);
  if (limit < total) return -E2BIG;
  const r = makeStack(mm, top, Math.min(limit, total + EXPAND), contents.executable);
  if (r < 0) return r;
  return new StackWriter(mm, top, total).write(contents);
}

function makeStack(mm: MemoryManager, top: number, size: number, executable: boolean): number {
  const start = pageFloor(top - size);
  if (start < mm.layout.min) return -ENOMEM;
  const vma = new Vma(start, top);
  vma.prot = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0);
  vma.flags = VM_GROWSDOWN | VM_STACK | VM_ACCOUNT;
  mm.insertVma(vma);
  return 0;
}

/** Builds the image of the stack's top in one buffer, downwards. */
class StackWriter {
  private readonly bytes: Buffer;
  private readonly base: number;
  private at: number;

  constructor(
    private readonly mm: MemoryManager,
    top: number,
    size: number,
  ) {
    this.bytes = Buffer.alloc(size);
    this.base = top - size;
    this.at = top;
  }

  private text(s: string): number {
    this.at -= s.length + 1;
    this.bytes.write(s, this.at - this.base, 'latin1');
    return this.at;
  }

  private word(at: number, value: number): void {
    this.bytes.writeUInt32LE(value >>> 0, at - this.base);
    this.bytes.writeUInt32LE(Math.floor(value / 4294967296), at - this.base + 4);
  }

  write(contents: StackContents): number {
    const { argv, envp, aux } = contents;
    const { mm } = this;
    const x = mm.exec;
    const { random } = mm.kernel;
    this.at -= 8;
    const execfn = this.text(contents.filename);
    x.envEnd = this.at;
    for (let i = envp.length - 1; i >= 0; i--) this.text(envp[i]!);
    x.envStart = this.at;
    x.argEnd = this.at;
    for (let i = argv.length - 1; i >= 0; i--) this.text(argv[i]!);
    x.argStart = this.at;
    if (mm.layout.randomize) this.at -= random.uint32() % JITTER;
    this.at -= this.at % 16;
    const platform = this.text(PLATFORM);
    this.at -= 16;
    const seed = this.at;
    random.fill(this.bytes, seed - this.base, 16);
    let sp = this.at - (1 + argv.length + 1 + envp.length + 1 + aux.length * 2) * 8;
    sp -= sp % 16;
    const auxAt = this.pointers(sp, argv, envp);
    this.auxiliary(auxAt, aux, seed, execfn, platform);
    x.startStack = sp;
    const from = sp - this.base;
    return mm.copyOut(sp, this.bytes, from, this.bytes.length - from) < 0 ? -EFAULT : sp;
  }

  /** argc and the two NULL-terminated arrays. Address behind them. */
  private pointers(sp: number, argv: readonly string[], envp: readonly string[]): number {
    const x = this.mm.exec;
    let at = sp;
    this.word(at, argv.length);
    at += 8;
    let string = x.argStart;
    for (const s of argv) {
      this.word(at, string);
      string += s.length + 1;
      at += 8;
    }
    at += 8;
    string = x.envStart;
    for (const s of envp) {
      this.word(at, string);
      string += s.length + 1;
      at += 8;
    }
    return at + 8;
  }

  private auxiliary(
    auxAt: number,
    aux: readonly AuxEntry[],
    seed: number,
    execfn: number,
    platform: number,
  ): void {
    let at = auxAt;
    for (const [type, value] of aux) {
      let v = value;
      if (type === AT_RANDOM) v = seed;
      else if (type === AT_EXECFN) v = execfn;
      else if (type === AT_PLATFORM) v = platform;
      this.word(at, type);
      this.word(at + 8, v);
      at += 16;
    }
    this.mm.exec.auxv = new Uint8Array(this.bytes.subarray(auxAt - this.base, at - this.base));
  }
}
