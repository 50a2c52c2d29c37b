import {
  DT_HASH,
  DT_NULL,
  DT_SONAME,
  DT_STRSZ,
  DT_STRTAB,
  DT_SYMENT,
  DT_SYMTAB,
  DT_VERDEF,
  DT_VERDEFNUM,
  DT_VERSYM,
  ELF64_EHDR,
  ELF64_PHDR,
  ELF64_SHDR,
  ELF64_SYM,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_DYN,
  EV_CURRENT,
  PF_R,
  PF_W,
  PF_X,
  PT_DYNAMIC,
  PT_GNU_EH_FRAME,
  PT_GNU_STACK,
  PT_LOAD,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHT_DYNAMIC,
  SHT_DYNSYM,
  SHT_HASH,
  SHT_PROGBITS,
  SHT_STRTAB,
  STB_GLOBAL,
  STB_WEAK,
  STT_FUNC,
} from '@sandbox/abi';
import type { VdsoText } from './vdso-code.js';

const SONAME = 'linux-vdso.so.1';
const VERSION = 'LINUX_2.6';
const SHT_GNU_verdef = 0x6ffffffd;
const SHT_GNU_versym = 0x6fffffff;
const VER_FLG_BASE = 1;
/** Version indices: 1 is the file itself, 2 is LINUX_2.6. */
const VERSION_INDEX = 2;
const PHDRS = 4;

/** The System V hash of symbol and version names (ELF specification, "Hash Table"). */
function elfHash(name: string): number {
  let h = 0;
  for (let i = 0; i < name.length; i++) {
    h = ((h << 4) + name.charCodeAt(i)) >>> 0;
    const g = h & 0xf0000000;
    if (g !== 0) h ^= g >>> 24;
    h = (h & ~g) >>> 0;
  }
  return h >>> 0;
}

/** Strings behind each other, each with its NUL. */
class Strings {
  private text = '\0';
  add(s: string): number {
    const at = this.text.length;
    this.text += `${s}\0`;
    return at;
  }
  get bytes(): Uint8Array {
    return Uint8Array.from(this.text, (c) => c.charCodeAt(0));
  }
}

/** Little-endian structures of a known size. */
class Struct {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
  u8(at: number, v: number): this {
    this.view.setUint8(at, v);
    return this;
  }
  u16(at: number, v: number): this {
    this.view.setUint16(at, v, true);
    return this;
  }
  u32(at: number, v: number): this {
    this.view.setUint32(at, v, true);
    return this;
  }
  s32(at: number, v: number): this {
    this.view.setInt32(at, v, true);
    return this;
  }
  u64(at: number, v: number): this {
    return this.u32(at, v % 4294967296).u32(at + 4, Math.floor(v / 4294967296));
  }
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
  readonly align: number;
  readonly entrySize: number;
  readonly link: number;
  readonly info: number;
  at: number;
}

/**
 * A shared object of one segment around some code: what a dynamic linker needs to find its functions, and
 * what debuggers like.
 */
class VdsoImage {
  private readonly sections: Section[] = [];
  private readonly strings = new Strings();
  private readonly names: { name: string; bind: number; offset: number; size: number }[] = [];
  private readonly versionName: number;
  private readonly soname: number;

  constructor(
    private readonly text: VdsoText,
    private readonly textAt: number,
  ) {
    for (const [name, { offset, size }] of text.symbols) {
      this.names.push({ name: `__vdso_${name}`, bind: STB_GLOBAL, offset, size });
      this.names.push({ name, bind: STB_WEAK, offset, size });
    }
    this.versionName = this.strings.add(VERSION);
    this.soname = this.strings.add(SONAME);
  }

  private section(
    name: string,
    type: number,
    bytes: Uint8Array,
    align: number,
    entrySize = 0,
    link = 0,
    info = 0,
    flags = SHF_ALLOC,
  ): void {
    this.sections.push({ name, type, flags, bytes, align, entrySize, link, info, at: 0 });
  }

  /** One bucket: a lookup walks a chain of a dozen names. */
  private hash(): Uint8Array {
    const count = this.names.length + 1;
    const s = new Struct(4 * (3 + count)).u32(0, 1).u32(4, count).u32(8, 1);
    for (let i = 1; i < count; i++) s.u32(12 + 4 * i, i + 1 < count ? i + 1 : 0);
    return s.bytes;
  }

  private symbols(textSection: number): Uint8Array {
    const s = new Struct(ELF64_SYM.SIZE * (this.names.length + 1));
    this.names.forEach(({ name, bind, offset, size }, i) => {
      const at = ELF64_SYM.SIZE * (i + 1);
      s.u32(at + ELF64_SYM.st_name, this.strings.add(name))
        .u8(at + ELF64_SYM.st_info, (bind << 4) | STT_FUNC)
        .u16(at + ELF64_SYM.st_shndx, textSection)
        .u64(at + ELF64_SYM.st_value, this.textAt + offset)
        .u64(at + ELF64_SYM.st_size, size);
    });
    return s.bytes;
  }

  private versions(): Uint8Array {
    const s = new Struct(2 * (this.names.length + 1));
    for (let i = 1; i <= this.names.length; i++) s.u16(2 * i, VERSION_INDEX);
    return s.bytes;
  }

  /** Two Elf64_Verdef with one Elf64_Verdaux each: the object's own name, and the version. */
  private versionDefinitions(): Uint8Array {
    const s = new Struct(56);
    const define = (
      at: number,
      flags: number,
      index: number,
      name: string,
      nameAt: number,
      next: number,
    ): void => {
      s.u16(at, 1)
        .u16(at + 2, flags)
        .u16(at + 4, index)
        .u16(at + 6, 1)
        .u32(at + 8, elfHash(name));
      s.u32(at + 12, 20)
        .u32(at + 16, next)
        .u32(at + 20, nameAt)
        .u32(at + 24, 0);
    };
    define(0, VER_FLG_BASE, 1, SONAME, this.soname, 28);
    define(28, 0, VERSION_INDEX, VERSION, this.versionName, 0);
    return s.bytes;
  }

  /** CIE and one FDE for all the code: the return address is at the stack pointer throughout (DWARF 6.4). */
  private ehFrame(at: number): Uint8Array {
    const s = new Struct(24 + 24 + 4);
    // CIE: version 1, "zR", code factor 1, data factor -8, return address register 16, pcrel sdata4 pointers.
    s.u32(0, 20).u32(4, 0);
    [1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0].forEach((b, i) => {
      s.u8(8 + i, b);
    });
    s.u32(24, 20)
      .u32(28, 28)
      .s32(32, this.textAt - (at + 32))
      .u32(36, this.text.bytes.length)
      .u8(40, 0);
    return s.bytes;
  }

  /** .eh_frame_hdr with its table of one entry. */
  private ehFrameHeader(at: number, frameAt: number): Uint8Array {
    const s = new Struct(20);
    [1, 0x1b, 0x03, 0x3b].forEach((b, i) => {
      s.u8(i, b);
    });
    return s
      .s32(4, frameAt - (at + 4))
      .u32(8, 1)
      .s32(12, this.textAt - at)
      .s32(16, frameAt + 24 - at).bytes;
  }

  private dynamic(): Uint8Array {
    const at = (name: string): number => this.sections.find((s) => s.name === name)!.at;
    const entries: [number, number][] = [
      [DT_SONAME, this.soname],
      [DT_HASH, at('.hash')],
      [DT_STRTAB, at('.dynstr')],
      [DT_SYMTAB, at('.dynsym')],
      [DT_STRSZ, this.sections.find((s) => s.name === '.dynstr')!.bytes.length],
      [DT_SYMENT, ELF64_SYM.SIZE],
      [DT_VERDEF, at('.gnu.version_d')],
      [DT_VERDEFNUM, 2],
      [DT_VERSYM, at('.gnu.version')],
      [DT_NULL, 0],
    ];
    const s = new Struct(16 * entries.length);
    entries.forEach(([tag, value], i) => {
      s.u64(16 * i, tag).u64(16 * i + 8, value);
    });
    return s.bytes;
  }

  private place(from: number): number {
    let at = from;
    for (const s of this.sections) {
      if (s.at !== 0) continue;
      at = Math.ceil(at / s.align) * s.align;
      s.at = at;
      at += s.bytes.length;
    }
    return at;
  }

  /** Lay everything out; the code lies at `textAt`, where it was assembled for. */
  build(): Uint8Array {
    const TEXT = 9;
    this.section('.hash', SHT_HASH, this.hash(), 8, 4, 2);
    this.section('.dynsym', SHT_DYNSYM, this.symbols(TEXT), 8, ELF64_SYM.SIZE, 3, 1);
    this.section('.dynstr', SHT_STRTAB, this.strings.bytes, 1);
    this.section('.gnu.version', SHT_GNU_versym, this.versions(), 2, 2, 2);
    this.section('.gnu.version_d', SHT_GNU_verdef, this.versionDefinitions(), 8, 0, 3, 2);
    let at = this.place(ELF64_EHDR.SIZE + PHDRS * ELF64_PHDR.SIZE);
    this.section('.dynamic', SHT_DYNAMIC, this.dynamic(), 8, 16, 3);
    at = Math.ceil(this.place(at) / 8) * 8;
    this.section('.eh_frame_hdr', SHT_PROGBITS, this.ehFrameHeader(at, at + 24), 8);
    this.section('.eh_frame', SHT_PROGBITS, this.ehFrame(at + 24), 8);
    if (this.place(at) > this.textAt) throw new Error('vdso: the headers reach into the code');
    this.section('.text', SHT_PROGBITS, this.text.bytes, 16, 0, 0, 0, SHF_ALLOC | SHF_EXECINSTR);
    this.sections[TEXT - 1]!.at = this.textAt;
    return this.write(this.textAt + this.text.bytes.length);
  }

  private write(loadEnd: number): Uint8Array {
    const names = new Strings();
    const nameOffsets = this.sections.map((s) => names.add(s.name));
    const ownName = names.add('.shstrtab');
    const shstrtab = names.bytes;
    const sectionsAt = Math.ceil((loadEnd + shstrtab.length) / 8) * 8;
    const count = this.sections.length + 2;
    const end = sectionsAt + count * ELF64_SHDR.SIZE;
    const image = new Struct(Math.ceil(end / 4096) * 4096);
    this.header(image, sectionsAt, count);
    this.programHeaders(image, end);
    for (const s of this.sections) image.bytes.set(s.bytes, s.at);
    image.bytes.set(shstrtab, loadEnd);
    this.sections.forEach((s, i) => {
      this.sectionHeader(image, sectionsAt + (i + 1) * ELF64_SHDR.SIZE, s, nameOffsets[i]!);
    });
    const own = sectionsAt + (count - 1) * ELF64_SHDR.SIZE;
    image.u32(own + ELF64_SHDR.sh_name, ownName).u32(own + ELF64_SHDR.sh_type, SHT_STRTAB);
    image.u64(own + ELF64_SHDR.sh_offset, loadEnd).u64(own + ELF64_SHDR.sh_size, shstrtab.length);
    image.u64(own + ELF64_SHDR.sh_addralign, 1);
    return image.bytes;
  }

  private header(image: Struct, sectionsAt: number, sections: number): void {
    [0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT].forEach((b, i) => {
      image.u8(i, b);
    });
    image
      .u16(ELF64_EHDR.e_type, ET_DYN)
      .u16(ELF64_EHDR.e_machine, EM_X86_64)
      .u32(ELF64_EHDR.e_version, EV_CURRENT)
      .u64(ELF64_EHDR.e_entry, this.textAt)
      .u64(ELF64_EHDR.e_phoff, ELF64_EHDR.SIZE)
      .u64(ELF64_EHDR.e_shoff, sectionsAt)
      .u16(ELF64_EHDR.e_ehsize, ELF64_EHDR.SIZE)
      .u16(ELF64_EHDR.e_phentsize, ELF64_PHDR.SIZE)
      .u16(ELF64_EHDR.e_phnum, PHDRS)
      .u16(ELF64_EHDR.e_shentsize, ELF64_SHDR.SIZE)
      .u16(ELF64_EHDR.e_shnum, sections)
      .u16(ELF64_EHDR.e_shstrndx, sections - 1);
  }

  private programHeaders(image: Struct, end: number): void {
    const put = (i: number, type: number, flags: number, at: number, size: number, align: number): void => {
      const p = ELF64_EHDR.SIZE + i * ELF64_PHDR.SIZE;
      image.u32(p + ELF64_PHDR.p_type, type).u32(p + ELF64_PHDR.p_flags, flags);
      for (const field of [ELF64_PHDR.p_offset, ELF64_PHDR.p_vaddr, ELF64_PHDR.p_paddr])
        image.u64(p + field, at);
      image
        .u64(p + ELF64_PHDR.p_filesz, size)
        .u64(p + ELF64_PHDR.p_memsz, size)
        .u64(p + ELF64_PHDR.p_align, align);
    };
    const dynamic = this.sections.find((s) => s.name === '.dynamic')!;
    const frames = this.sections.find((s) => s.name === '.eh_frame_hdr')!;
    put(0, PT_LOAD, PF_R | PF_X, 0, end, 4096);
    put(1, PT_DYNAMIC, PF_R, dynamic.at, dynamic.bytes.length, 8);
    put(2, PT_GNU_EH_FRAME, PF_R, frames.at, frames.bytes.length, 4);
    // Without it a dynamic linker given the image as a file takes it to need an executable stack.
    put(3, PT_GNU_STACK, PF_R | PF_W, 0, 0, 16);
  }

  private sectionHeader(image: Struct, at: number, s: Section, name: number): void {
    image
      .u32(at + ELF64_SHDR.sh_name, name)
      .u32(at + ELF64_SHDR.sh_type, s.type)
      .u64(at + ELF64_SHDR.sh_flags, s.flags)
      .u64(at + ELF64_SHDR.sh_addr, s.at)
      .u64(at + ELF64_SHDR.sh_offset, s.at)
      .u64(at + ELF64_SHDR.sh_size, s.bytes.length)
      .u32(at + ELF64_SHDR.sh_link, s.link)
      .u32(at + ELF64_SHDR.sh_info, s.info)
      .u64(at + ELF64_SHDR.sh_addralign, s.align)
      .u64(at + ELF64_SHDR.sh_entsize, s.entrySize);
  }
}

/** Build the image around `text`, which was assembled to lie at `textAt`. Whole pages. */
export function buildVdsoElf(text: VdsoText, textAt: number): Uint8Array {
  return new VdsoImage(text, textAt).build();
}
