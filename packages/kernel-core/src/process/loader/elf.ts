import {
  EIO,
  ELF64_EHDR,
  ELF64_PHDR,
  ELIBBAD,
  EM_X86_64,
  ENOEXEC,
  ET_DYN,
  ET_EXEC,
  PATH_MAX,
  PF_X,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
} from '@sandbox/abi';

const WORD = 4294967296;
/** Program headers together may take this much (load_elf_phdrs). */
const MAX_PHDRS = 65536;

/** Reads file bytes into `dst` from `offset` on: bytes read, or -errno. */
export type ReadAt = (dst: Uint8Array, offset: number) => number;

/** One PT_LOAD header; u64 fields as numbers (inexact above 2^53, where every use rejects them). */
export interface ElfSegment {
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
}

/** What loading needs of an ELF file's headers. */
export interface ElfHeaders {
  readonly dynamic: boolean;
  readonly entry: number;
  readonly phoff: number;
  readonly phnum: number;
  readonly segments: readonly ElfSegment[];
  /** Path of PT_INTERP as a byte string, or null. */
  readonly interpreter: string | null;
  /** PF_X of PT_GNU_STACK; null when there is no such header (the stack is then executable on i386 only). */
  readonly execStack: boolean | null;
}

/** Does it begin like an ELF file? */
export function isElf(head: Uint8Array): boolean {
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
}

/**
 * Parse and check the headers of a program or, with `asInterpreter`, of its dynamic loader (load_elf_binary).
 * `head`: the first bytes of the file, zero-filled. -ENOEXEC for what is no program for this machine
 * (-ELIBBAD as interpreter), -EIO when it ends inside a header. Like Linux it goes by e_machine and does not
 * look at class and byte order in e_ident. Never throws, whatever the bytes.
 */
export function parseElf(head: Uint8Array, read: ReadAt, asInterpreter = false): ElfHeaders | number {
  const bad = asInterpreter ? -ELIBBAD : -ENOEXEC;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (head.length < ELF64_EHDR.SIZE || !isElf(head)) return bad;
  const type = view.getUint16(ELF64_EHDR.e_type, true);
  if (type !== ET_EXEC && type !== ET_DYN) return bad;
  if (view.getUint16(ELF64_EHDR.e_machine, true) !== EM_X86_64) return bad;
  if (view.getUint16(ELF64_EHDR.e_phentsize, true) !== ELF64_PHDR.SIZE) return bad;
  const phnum = view.getUint16(ELF64_EHDR.e_phnum, true);
  const size = phnum * ELF64_PHDR.SIZE;
  if (size === 0 || size > MAX_PHDRS) return bad;
  const phoff = u64(view, ELF64_EHDR.e_phoff);
  const table = new Uint8Array(size);
  if (phoff > Number.MAX_SAFE_INTEGER - size || read(table, phoff) !== size) return bad;
  const phdrs = new DataView(table.buffer);
  const interpreter = asInterpreter ? null : readInterpreter(phdrs, phnum, read);
  if (typeof interpreter === 'number') return interpreter;
  return {
    dynamic: type === ET_DYN,
    entry: u64(view, ELF64_EHDR.e_entry),
    phoff,
    phnum,
    segments: loadSegments(phdrs, phnum),
    interpreter,
    execStack: execStack(phdrs, phnum),
  };
}

function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * WORD;
}

/** The path of the first PT_INTERP, null without one, -ENOEXEC or -EIO. */
function readInterpreter(phdrs: DataView, count: number, read: ReadAt): string | number | null {
  for (let i = 0; i < count; i++) {
    const at = i * ELF64_PHDR.SIZE;
    if (phdrs.getUint32(at + ELF64_PHDR.p_type, true) !== PT_INTERP) continue;
    const size = u64(phdrs, at + ELF64_PHDR.p_filesz);
    if (size > PATH_MAX || size < 2) return -ENOEXEC;
    const offset = u64(phdrs, at + ELF64_PHDR.p_offset);
    const path = Buffer.alloc(size);
    if (offset > Number.MAX_SAFE_INTEGER - size || read(path, offset) !== size) return -EIO;
    if (path[size - 1] !== 0) return -ENOEXEC;
    return path.toString('latin1', 0, path.indexOf(0));
  }
  return null;
}

function loadSegments(phdrs: DataView, count: number): ElfSegment[] {
  const segments: ElfSegment[] = [];
  for (let i = 0; i < count; i++) {
    const at = i * ELF64_PHDR.SIZE;
    if (phdrs.getUint32(at + ELF64_PHDR.p_type, true) !== PT_LOAD) continue;
    segments.push({
      flags: phdrs.getUint32(at + ELF64_PHDR.p_flags, true),
      offset: u64(phdrs, at + ELF64_PHDR.p_offset),
      vaddr: u64(phdrs, at + ELF64_PHDR.p_vaddr),
      filesz: u64(phdrs, at + ELF64_PHDR.p_filesz),
      memsz: u64(phdrs, at + ELF64_PHDR.p_memsz),
      align: u64(phdrs, at + ELF64_PHDR.p_align),
    });
  }
  return segments;
}

function execStack(phdrs: DataView, count: number): boolean | null {
  let found: boolean | null = null;
  for (let i = 0; i < count; i++) {
    const at = i * ELF64_PHDR.SIZE;
    if (phdrs.getUint32(at + ELF64_PHDR.p_type, true) !== PT_GNU_STACK) continue;
    found = (phdrs.getUint32(at + ELF64_PHDR.p_flags, true) & PF_X) !== 0;
  }
  return found;
}
