/**
 * A tiny x86-64 assembler: the few instructions our stubs, trampolines and the vDSO are made of. 64-bit
 * operands unless the mnemonic says otherwise; register names select the size ('rax' or 'eax'). See Intel SDM
 * vol. 2 for the encodings.
 */

const REGS64 = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
const REGS32 = [
  'eax',
  'ecx',
  'edx',
  'ebx',
  'esp',
  'ebp',
  'esi',
  'edi',
  'r8d',
  'r9d',
  'r10d',
  'r11d',
  'r12d',
  'r13d',
  'r14d',
  'r15d',
] as const;

export type Reg64 = (typeof REGS64)[number];
export type Reg32 = (typeof REGS32)[number];
export type Reg = Reg64 | Reg32;

/**
 * A memory operand: [base + index*scale + disp], optionally in the fs or gs segment; or a label
 * (rip-relative).
 */
export interface Mem {
  readonly kind: 'mem';
  readonly base: Reg64 | null;
  readonly index: Reg64 | null;
  readonly scale: 1 | 2 | 4 | 8;
  readonly disp: number;
  readonly segment: 'fs' | 'gs' | null;
  readonly label: string | null;
}

/** [base + disp] */
export function mem(base: Reg64, disp = 0): Mem {
  return { kind: 'mem', base, index: null, scale: 1, disp, segment: null, label: null };
}
/** [base + index*scale + disp] */
export function memIndexed(base: Reg64, index: Reg64, scale: 1 | 2 | 4 | 8, disp = 0): Mem {
  return { kind: 'mem', base, index, scale, disp, segment: null, label: null };
}
/** segment:[disp] with a 32-bit absolute displacement. */
export function memSegment(segment: 'fs' | 'gs', disp: number): Mem {
  return { kind: 'mem', base: null, index: null, scale: 1, disp, segment, label: null };
}
/** The bytes at an address of 32 bits, sign-extended. */
export function memAbsolute(address: number): Mem {
  return { kind: 'mem', base: null, index: null, scale: 1, disp: address, segment: null, label: null };
}
/** The bytes at a label, rip-relative. */
export function memLabel(label: string, disp = 0): Mem {
  return { kind: 'mem', base: null, index: null, scale: 1, disp, segment: null, label };
}

export type Condition =
  | 'o'
  | 'no'
  | 'b'
  | 'ae'
  | 'e'
  | 'ne'
  | 'be'
  | 'a'
  | 's'
  | 'ns'
  | 'p'
  | 'np'
  | 'l'
  | 'ge'
  | 'le'
  | 'g';
const CONDITIONS: readonly Condition[] = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g',
];

type Operand = Reg | Mem | number;

interface Fixup {
  at: number;
  label: string;
  /** Address the displacement counts from. */
  from: number;
}

function regNumber(reg: Reg): number {
  const i = REGS64.indexOf(reg as Reg64);
  return i >= 0 ? i : REGS32.indexOf(reg as Reg32);
}
function isWide(reg: Reg): boolean {
  return REGS64.includes(reg as Reg64);
}
function isMem(o: Operand): o is Mem {
  return typeof o === 'object';
}

/** The eight classic two-operand operations, by their /digit. */
const ALU = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;

export class Assembler {
  private readonly out: number[] = [];
  private readonly labels = new Map<string, number>();
  private readonly fixups: Fixup[] = [];
  private readonly shortFixups: Fixup[] = [];

  get position(): number {
    return this.out.length;
  }

  /** Offset of a label in the finished code. */
  labelOffset(name: string): number {
    const at = this.labels.get(name);
    if (at === undefined) throw new Error(`assembler: no label ${name}`);
    return at;
  }

  label(name: string): this {
    if (this.labels.has(name)) throw new Error(`assembler: label ${name} twice`);
    this.labels.set(name, this.out.length);
    return this;
  }

  /** Raw bytes. */
  db(...bytes: number[]): this {
    for (const b of bytes) this.out.push(b & 0xff);
    return this;
  }
  dd(value: number): this {
    return this.db(value, value >> 8, value >> 16, value >> 24);
  }
  dq(value: number): this {
    this.dd(value >>> 0);
    return this.dd(Math.floor(value / 4294967296) >>> 0);
  }
  align(to: number, filler = 0x90): this {
    while (this.out.length % to !== 0) this.out.push(filler);
    return this;
  }

  /** Finish: resolve labels and return the bytes. */
  assemble(): Uint8Array {
    const bytes = Uint8Array.from(this.out);
    const view = new DataView(bytes.buffer);
    for (const f of this.fixups) view.setInt32(f.at, this.labelOffset(f.label) - f.from, true);
    for (const f of this.shortFixups) {
      const distance = this.labelOffset(f.label) - f.from;
      if (distance < -128 || distance > 127)
        throw new Error(`assembler: ${f.label} is too far for a short jump`);
      view.setInt8(f.at, distance);
    }
    return bytes;
  }

  // Encoding ------------------------------------------------------------------------------------------------

  /**
   * Prefixes, opcode and ModRM for register field `reg` and operand `rm`; `immediate` bytes follow (they
   * shift rip-relative bases).
   */
  private modrm(opcode: readonly number[], reg: number, rm: Reg | Mem, wide: boolean, immediate = 0): this {
    if (isMem(rm) && rm.segment) this.db(rm.segment === 'fs' ? 0x64 : 0x65);
    const rexR = reg >> 3;
    const rexB = isMem(rm) ? (rm.base ? regNumber(rm.base) >> 3 : 0) : regNumber(rm) >> 3;
    const rexX = isMem(rm) && rm.index ? regNumber(rm.index) >> 3 : 0;
    const rex = 0x40 | (wide ? 8 : 0) | (rexR << 2) | (rexX << 1) | rexB;
    if (rex !== 0x40) this.db(rex);
    this.db(...opcode);
    const r = (reg & 7) << 3;
    if (!isMem(rm)) return this.db(0xc0 | r | (regNumber(rm) & 7));
    if (rm.label) {
      this.db(r | 5);
      this.fixups.push({
        at: this.out.length,
        label: rm.label,
        from: this.out.length + 4 + immediate - rm.disp,
      });
      return this.dd(0);
    }
    if (!rm.base) return this.db(r | 4, 0x25).dd(rm.disp);
    const base = regNumber(rm.base) & 7;
    const small = rm.disp >= -128 && rm.disp <= 127;
    const mod = rm.disp === 0 && base !== 5 ? 0 : small ? 0x40 : 0x80;
    if (rm.index) {
      const scale = { 1: 0, 2: 1, 4: 2, 8: 3 }[rm.scale];
      this.db(mod | r | 4, (scale << 6) | ((regNumber(rm.index) & 7) << 3) | base);
    } else if (base === 4) {
      this.db(mod | r | 4, 0x24);
    } else {
      this.db(mod | r | base);
    }
    if (mod === 0x40) this.db(rm.disp);
    else if (mod === 0x80) this.dd(rm.disp);
    return this;
  }

  // Moves ---------------------------------------------------------------------------------------------------

  /**
   * mov between registers, memory and immediates. 32-bit register names move 32 bits (and clear the upper
   * half).
   */
  mov(dst: Reg | Mem, src: Operand): this {
    if (typeof src === 'number') {
      if (isMem(dst)) throw new Error('assembler: mov memory, immediate needs movd/movq');
      if (!isWide(dst)) {
        const n = regNumber(dst);
        if (n > 7) this.db(0x41);
        return this.db(0xb8 | (n & 7)).dd(src);
      }
      const n = regNumber(dst);
      if (src >= 0 && src <= 0xffffffff) {
        if (n > 7) this.db(0x41);
        return this.db(0xb8 | (n & 7)).dd(src);
      }
      if (src < 0 && src >= -0x80000000) return this.modrm([0xc7], 0, dst, true, 4).dd(src);
      return this.db(0x48 | (n >> 3), 0xb8 | (n & 7)).dq(src);
    }
    if (isMem(src)) {
      if (isMem(dst)) throw new Error('assembler: mov memory, memory');
      return this.modrm([0x8b], regNumber(dst), src, isWide(dst));
    }
    return this.modrm([0x89], regNumber(src), dst, isWide(src));
  }
  /** mov dword [m], imm32 */
  movd(dst: Mem, value: number): this {
    return this.modrm([0xc7], 0, dst, false, 4).dd(value);
  }
  /** mov qword [m], sign-extended imm32 */
  movq(dst: Mem, value: number): this {
    return this.modrm([0xc7], 0, dst, true, 4).dd(value);
  }
  lea(dst: Reg64, src: Mem): this {
    return this.modrm([0x8d], regNumber(dst), src, true);
  }
  push(reg: Reg64): this {
    const n = regNumber(reg);
    if (n > 7) this.db(0x41);
    return this.db(0x50 | (n & 7));
  }
  pop(reg: Reg64): this {
    const n = regNumber(reg);
    if (n > 7) this.db(0x41);
    return this.db(0x58 | (n & 7));
  }
  /** xchg [m], reg: atomic. */
  xchg(m: Mem, reg: Reg): this {
    return this.modrm([0x87], regNumber(reg), m, isWide(reg));
  }
  /** lock cmpxchg [m], reg (compares with rax/eax). */
  lockCmpxchg(m: Mem, reg: Reg): this {
    this.db(0xf0);
    return this.modrm([0x0f, 0xb1], regNumber(reg), m, isWide(reg));
  }

  // Arithmetic ----------------------------------------------------------------------------------------------

  alu(op: keyof typeof ALU, dst: Reg | Mem, src: Operand, wide?: boolean): this {
    const digit = ALU[op];
    if (typeof src === 'number') {
      const w = wide ?? (isMem(dst) ? true : isWide(dst));
      if (src >= -128 && src <= 127) return this.modrm([0x83], digit, dst, w, 1).db(src);
      return this.modrm([0x81], digit, dst, w, 4).dd(src);
    }
    if (isMem(src)) {
      if (isMem(dst)) throw new Error('assembler: two memory operands');
      return this.modrm([(digit << 3) | 3], regNumber(dst), src, isWide(dst));
    }
    return this.modrm([(digit << 3) | 1], regNumber(src), dst, isWide(src));
  }
  add(dst: Reg | Mem, src: Operand): this {
    return this.alu('add', dst, src);
  }
  sub(dst: Reg | Mem, src: Operand): this {
    return this.alu('sub', dst, src);
  }
  and(dst: Reg | Mem, src: Operand): this {
    return this.alu('and', dst, src);
  }
  or(dst: Reg | Mem, src: Operand): this {
    return this.alu('or', dst, src);
  }
  xor(dst: Reg | Mem, src: Operand): this {
    return this.alu('xor', dst, src);
  }
  cmp(dst: Reg | Mem, src: Operand): this {
    return this.alu('cmp', dst, src);
  }
  /** cmp dword [m], imm */
  cmpd(dst: Mem, value: number): this {
    return this.alu('cmp', dst, value, false);
  }
  test(a: Reg | Mem, b: Reg | number): this {
    if (typeof b === 'number') return this.modrm([0xf7], 0, a, isMem(a) ? true : isWide(a), 4).dd(b);
    return this.modrm([0x85], regNumber(b), a, isWide(b));
  }
  inc(dst: Reg): this {
    return this.modrm([0xff], 0, dst, isWide(dst));
  }
  dec(dst: Reg): this {
    return this.modrm([0xff], 1, dst, isWide(dst));
  }
  shl(dst: Reg, count: number): this {
    return this.modrm([0xc1], 4, dst, isWide(dst), 1).db(count);
  }
  shr(dst: Reg, count: number): this {
    return this.modrm([0xc1], 5, dst, isWide(dst), 1).db(count);
  }
  /** shl dst, cl */
  shlCl(dst: Reg): this {
    return this.modrm([0xd3], 4, dst, isWide(dst));
  }
  /** shr dst, cl */
  shrCl(dst: Reg): this {
    return this.modrm([0xd3], 5, dst, isWide(dst));
  }
  /** shrd dst, src, cl */
  shrdCl(dst: Reg64, src: Reg64): this {
    return this.modrm([0x0f, 0xad], regNumber(src), dst, true);
  }
  /** rdx:rax = rax * src */
  mul(src: Reg64): this {
    return this.modrm([0xf7], 4, src, true);
  }
  /** rax = rdx:rax / src, rdx = remainder */
  div(src: Reg64): this {
    return this.modrm([0xf7], 6, src, true);
  }

  // Control -------------------------------------------------------------------------------------------------

  private rel32(opcode: readonly number[], label: string): this {
    this.db(...opcode);
    this.fixups.push({ at: this.out.length, label, from: this.out.length + 4 });
    return this.dd(0);
  }
  jmp(label: string): this {
    return this.rel32([0xe9], label);
  }
  jcc(condition: Condition, label: string): this {
    return this.rel32([0x0f, 0x80 | CONDITIONS.indexOf(condition)], label);
  }
  /** jrcxz to a label within 127 bytes: rcx is zero; no flags are touched. */
  jrcxz(label: string): this {
    this.db(0xe3);
    this.shortFixups.push({ at: this.out.length, label, from: this.out.length + 1 });
    return this.db(0);
  }
  call(label: string): this {
    return this.rel32([0xe8], label);
  }
  jmpIndirect(target: Mem | Reg64): this {
    return this.modrm([0xff], 4, target, false);
  }
  callIndirect(target: Mem | Reg64): this {
    return this.modrm([0xff], 2, target, false);
  }
  ret(): this {
    return this.db(0xc3);
  }
  syscall(): this {
    return this.db(0x0f, 0x05);
  }
  int3(): this {
    return this.db(0xcc);
  }
  pause(): this {
    return this.db(0xf3, 0x90);
  }
  mfence(): this {
    return this.db(0x0f, 0xae, 0xf0);
  }
  lfence(): this {
    return this.db(0x0f, 0xae, 0xe8);
  }
  rdtsc(): this {
    return this.db(0x0f, 0x31);
  }
  rdtscp(): this {
    return this.db(0x0f, 0x01, 0xf9);
  }
  pushfq(): this {
    return this.db(0x9c);
  }
  popfq(): this {
    return this.db(0x9d);
  }
  /** xsave64 [m], features in edx:eax. */
  xsave(m: Mem): this {
    return this.modrm([0x0f, 0xae], 4, m, true);
  }
  /** xrstor64 [m], features in edx:eax. */
  xrstor(m: Mem): this {
    return this.modrm([0x0f, 0xae], 5, m, true);
  }
  rdfsbase(reg: Reg64): this {
    return this.db(0xf3, 0x48 | (regNumber(reg) >> 3), 0x0f, 0xae, 0xc0 | (regNumber(reg) & 7));
  }
  rdgsbase(reg: Reg64): this {
    return this.db(0xf3, 0x48 | (regNumber(reg) >> 3), 0x0f, 0xae, 0xc8 | (regNumber(reg) & 7));
  }
  bswap(reg: Reg64): this {
    return this.db(0x48 | (regNumber(reg) >> 3), 0x0f, 0xc8 | (regNumber(reg) & 7));
  }
  wrfsbase(reg: Reg64): this {
    return this.db(0xf3, 0x48 | (regNumber(reg) >> 3), 0x0f, 0xae, 0xd0 | (regNumber(reg) & 7));
  }
}
