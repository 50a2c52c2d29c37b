import {
  EI_CLASS,
  EI_DATA,
  EI_VERSION,
  ELF64_EHDR,
  ELF64_PHDR,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_CORE,
  EV_CURRENT,
  PT_LOAD,
  PT_NOTE,
} from '@sandbox/abi';
import type { SigInfo } from '../signal/siginfo.js';
import type { Task } from '../task/task.js';
import { coreNotes } from './notes.js';
import { coreRegions, type Region } from './regions.js';

const PAGE = 4096;

/**
 * A dump before its memory is in it: header, program headers and notes, and where in the file each region
 * goes.
 */
export interface CoreImage {
  readonly head: Buffer;
  readonly regions: readonly { readonly region: Region; readonly offset: number }[];
  readonly size: number;
}

function put(b: Buffer, at: number, value: number): void {
  b.writeBigUInt64LE(BigInt(value), at);
}

function fileHeader(b: Buffer, count: number): void {
  b.write('\x7fELF', 0, 'latin1');
  b[EI_CLASS] = ELFCLASS64;
  b[EI_DATA] = ELFDATA2LSB;
  b[EI_VERSION] = EV_CURRENT;
  b.writeUInt16LE(ET_CORE, ELF64_EHDR.e_type);
  b.writeUInt16LE(EM_X86_64, ELF64_EHDR.e_machine);
  b.writeUInt32LE(EV_CURRENT, ELF64_EHDR.e_version);
  put(b, ELF64_EHDR.e_phoff, ELF64_EHDR.SIZE);
  b.writeUInt16LE(ELF64_EHDR.SIZE, ELF64_EHDR.e_ehsize);
  b.writeUInt16LE(ELF64_PHDR.SIZE, ELF64_EHDR.e_phentsize);
  b.writeUInt16LE(count, ELF64_EHDR.e_phnum);
}

/** An ELF core file of `task`'s process (core(5), elf(5)). Its threads do not run. */
export function coreImage(task: Task, info: SigInfo): CoreImage {
  const notes = coreNotes(task, info);
  const found = coreRegions(task.mm);
  const count = found.length + 1;
  const headers = ELF64_EHDR.SIZE + count * ELF64_PHDR.SIZE;
  const b = Buffer.alloc(headers);
  fileHeader(b, count);
  let at = ELF64_EHDR.SIZE;
  b.writeUInt32LE(PT_NOTE, at + ELF64_PHDR.p_type);
  put(b, at + ELF64_PHDR.p_offset, headers);
  put(b, at + ELF64_PHDR.p_filesz, notes.length);
  b.writeUInt32LE(0, at + ELF64_PHDR.p_flags);
  put(b, at + ELF64_PHDR.p_align, 4);
  let offset = Math.ceil((headers + notes.length) / PAGE) * PAGE;
  const regions: CoreImage['regions'][number][] = [];
  for (const region of found) {
    at += ELF64_PHDR.SIZE;
    b.writeUInt32LE(PT_LOAD, at + ELF64_PHDR.p_type);
    b.writeUInt32LE(region.flags, at + ELF64_PHDR.p_flags);
    put(b, at + ELF64_PHDR.p_offset, offset);
    put(b, at + ELF64_PHDR.p_vaddr, region.start);
    put(b, at + ELF64_PHDR.p_filesz, region.bytes);
    put(b, at + ELF64_PHDR.p_memsz, region.end - region.start);
    put(b, at + ELF64_PHDR.p_align, PAGE);
    regions.push({ region, offset });
    offset += region.bytes;
  }
  return { head: Buffer.concat([b, notes]), regions, size: offset };
}
