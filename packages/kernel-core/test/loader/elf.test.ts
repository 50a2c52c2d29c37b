import {
  ELF64_EHDR,
  ELF64_PHDR,
  ELIBBAD,
  EM_X86_64,
  ENOEXEC,
  ET_DYN,
  ET_EXEC,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  O_RDONLY,
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
} from '@sandbox/abi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ElfHeaders, parseElf, type ReadAt } from '../../src/process/loader/elf.js';
import { mapElf } from '../../src/process/loader/map-elf.js';
import { makeMemory, PAGE, TestFile, TestStore } from '../mm/fakes.js';

interface Header {
  type: number;
  flags?: number;
  offset?: number;
  vaddr?: number;
  filesz?: number;
  memsz?: number;
  align?: number;
}

function build(type: number, headers: readonly Header[], entry = 0x401000): Uint8Array {
  const bytes = new Uint8Array(8192);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(ELF64_EHDR.e_type, type, true);
  view.setUint16(ELF64_EHDR.e_machine, EM_X86_64, true);
  view.setBigUint64(ELF64_EHDR.e_entry, BigInt(entry), true);
  view.setBigUint64(ELF64_EHDR.e_phoff, 64n, true);
  view.setUint16(ELF64_EHDR.e_phentsize, ELF64_PHDR.SIZE, true);
  view.setUint16(ELF64_EHDR.e_phnum, headers.length, true);
  headers.forEach((h, i) => {
    const at = 64 + i * ELF64_PHDR.SIZE;
    view.setUint32(at + ELF64_PHDR.p_type, h.type, true);
    view.setUint32(at + ELF64_PHDR.p_flags, h.flags ?? 0, true);
    view.setBigUint64(at + ELF64_PHDR.p_offset, BigInt(h.offset ?? 0), true);
    view.setBigUint64(at + ELF64_PHDR.p_vaddr, BigInt(h.vaddr ?? 0), true);
    view.setBigUint64(at + ELF64_PHDR.p_filesz, BigInt(h.filesz ?? 0), true);
    view.setBigUint64(at + ELF64_PHDR.p_memsz, BigInt(h.memsz ?? 0), true);
    view.setBigUint64(at + ELF64_PHDR.p_align, BigInt(h.align ?? 0), true);
  });
  return bytes;
}

function reader(bytes: Uint8Array): ReadAt {
  return (dst, offset) => {
    const part = bytes.subarray(Math.min(offset, bytes.length), Math.min(bytes.length, offset + dst.length));
    dst.set(part);
    return part.length;
  };
}

function parse(bytes: Uint8Array, asInterpreter = false): ElfHeaders | number {
  return parseElf(bytes.slice(0, 256), reader(bytes), asInterpreter);
}

const TEXT: Header = {
  type: PT_LOAD,
  flags: PF_R | PF_X,
  vaddr: 0x400000,
  filesz: 0x1000,
  memsz: 0x1000,
  align: 4096,
};
const DATA: Header = {
  type: PT_LOAD,
  flags: PF_R | PF_W,
  offset: 0x1000,
  vaddr: 0x402000,
  filesz: 0x800,
  memsz: 0x2800,
  align: 4096,
};

describe('parseElf', () => {
  it('reads segments, interpreter and stack flags', () => {
    const bytes = build(ET_DYN, [
      TEXT,
      DATA,
      { type: PT_INTERP, offset: 0x1800, filesz: 8 },
      { type: PT_GNU_STACK, flags: PF_R | PF_W | PF_X },
    ]);
    bytes.set(Buffer.from('/lib/ld\0'), 0x1800);
    const elf = parse(bytes) as ElfHeaders;
    expect(elf.dynamic).toBe(true);
    expect(elf.segments.length).toBe(2);
    expect(elf.interpreter).toBe('/lib/ld');
    expect(elf.execStack).toBe(true);
  });

  it('refuses what is no program, as program and as interpreter', () => {
    const wrong = [
      build(ET_EXEC, []),
      build(1, [TEXT]),
      Object.assign(build(ET_EXEC, [TEXT]), { 0: 0 }),
      build(ET_EXEC, [{ type: PT_INTERP, filesz: 1 }]),
      build(ET_EXEC, [{ type: PT_INTERP, filesz: 5000 }]),
      build(ET_EXEC, [{ type: PT_INTERP, offset: 0x1800, filesz: 8 }]).fill(0x41, 0x1800, 0x1900),
    ];
    for (const bytes of wrong) expect(parse(bytes)).toBe(-ENOEXEC);
    expect(parse(wrong[0]!, true)).toBe(-ELIBBAD);
    expect(parse(new Uint8Array(256))).toBe(-ENOEXEC);
  });

  it('never throws, and what it accepts can be mapped or is refused, whatever the bytes', () => {
    const word = fc.oneof(
      fc.nat(0x10000),
      fc.integer({ min: 0, max: 2 ** 31 }),
      fc.constantFrom(2 ** 47, 2 ** 52, 2 ** 63, 2 ** 64 - 4096),
    );
    const header = fc.record({
      type: fc.constantFrom(PT_LOAD, PT_LOAD, PT_LOAD, PT_INTERP, PT_GNU_STACK),
      flags: fc.nat(7),
      offset: word,
      vaddr: word,
      filesz: word,
      memsz: word,
      align: word,
    });
    fc.assert(
      fc.property(
        fc.constantFrom(ET_EXEC, ET_DYN),
        fc.array(header, { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 8 }),
        (type, headers, flips) => {
          const bytes = build(type, headers);
          for (const [at, value] of flips) bytes[at] = value;
          const elf = parse(bytes);
          if (typeof elf === 'number') return elf < 0;
          const store = new TestStore(512);
          const { mm } = makeMemory(store);
          const file = new TestFile(store, 4, O_RDONLY);
          const mapped = mapElf(mm, file, elf, 0);
          mm.release();
          return typeof mapped === 'number' ? mapped < 0 : mapped.entry >= 0;
        },
      ),
      { numRuns: 500, seed: 11 },
    );
  });
});

describe('mapElf', () => {
  it('maps file parts, clears the rest of the last page, adds anonymous pages behind', () => {
    const { mm, store } = makeMemory();
    const file = new TestFile(store, 4, O_RDONLY);
    for (let i = 0; i < 4; i++) file.setValue(i, 0x10 + i);
    const elf = parse(build(ET_EXEC, [TEXT, DATA])) as ElfHeaders;
    const mapped = mapElf(mm, file, elf, 0);
    expect(mapped).toMatchObject({
      bias: 0,
      entry: 0x401000,
      startCode: 0x400000,
      endCode: 0x401000,
      brk: 0x404800,
    });
    expect(mm.load8(0x402000)).toBe(0x11);
    expect(mm.load8(0x402800)).toBe(0);
    expect(mm.load8(0x404fff)).toBe(0);
    expect(mm.store8(0x404000, 1)).toBe(0);
    expect(mm.store8(0x400000, 1)).toBe(-14);
    expect(mm.load8(0x405000)).toBe(-14);
  });

  it('puts a position-independent one where it is told, aligned, or where there is room', () => {
    const { mm, store } = makeMemory();
    const file = new TestFile(store, 4, O_RDONLY);
    const headers = [{ ...TEXT, vaddr: 0, align: 2 ** 21 }];
    const elf = parse(build(ET_DYN, headers, 0x10)) as ElfHeaders;
    expect(mapElf(mm, file, elf, 0x555555554000)).toMatchObject({
      bias: 0x555555400000,
      entry: 0x555555400010,
    });
    const other = mapElf(mm, file, elf, 0);
    expect(typeof other === 'object' && other.bias % 2 ** 21).toBe(0);
  });

  it('does not go over what is there with fixed addresses', () => {
    const { mm, store } = makeMemory();
    const file = new TestFile(store, 4, O_RDONLY);
    mm.mmap(0x400000, PAGE, 1, MAP_PRIVATE | MAP_ANONYMOUS | 0x10, null, 0);
    const elf = parse(build(ET_EXEC, [TEXT])) as ElfHeaders;
    expect(mapElf(mm, file, elf, 0)).toBe(-17);
    expect(mapElf(mm, file, elf, 0, true)).toMatchObject({ bias: 0 });
  });
});
