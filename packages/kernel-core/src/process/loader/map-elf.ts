import {
  EFAULT,
  EINVAL,
  ENOMEM,
  MAP_ANONYMOUS,
  MAP_DENYWRITE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  PF_R,
  PF_W,
  PF_X,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import { pageCeil, pageFloor } from '../../mm/layout.js';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { findFree } from '../../mm/mmap.js';
import type { ElfHeaders, ElfSegment } from './elf.js';

const PAGE = 4096;

/** Where an ELF file was mapped, in guest addresses. */
export interface MappedElf {
  /** What is added to the file's addresses. */
  readonly bias: number;
  readonly entry: number;
  /** Address of the program headers in memory, 0 when no segment holds them. */
  readonly phdr: number;
  readonly startCode: number;
  readonly endCode: number;
  readonly startData: number;
  readonly endData: number;
  /** End of the last segment: the heap begins behind it. */
  readonly brk: number;
}

/** Lowest and one past the highest address of the segments, whole pages; null when there are none. */
function extent(segments: readonly ElfSegment[]): { low: number; high: number } | null {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const s of segments) {
    low = Math.min(low, pageFloor(s.vaddr));
    high = Math.max(high, s.vaddr + s.memsz);
  }
  return high === 0 ? null : { low, high: pageCeil(high) };
}

/** Largest alignment a segment asks for, if it is a power of two (maximum_alignment). */
function alignment(segments: readonly ElfSegment[]): number {
  let most = PAGE;
  for (const s of segments) {
    if (s.align > most && s.align <= 2 ** 40 && Number.isInteger(Math.log2(s.align))) most = s.align;
  }
  return most;
}

/**
 * Map the segments of `file` into `mm`. A position-independent one goes to `base` (rounded down to its
 * alignment), or, with base 0, where there is room. `replace`: one with fixed addresses goes over what is
 * there (a dynamic loader; Linux allows it). -EINVAL for segments that cannot be, -ENOMEM, -EEXIST, -EFAULT.
 */
export function mapElf(
  mm: MemoryManager,
  file: File,
  elf: ElfHeaders,
  base: number,
  replace = false,
): MappedElf | number {
  const span = extent(elf.segments);
  if (span === null) return -EINVAL;
  const max = mm.layout.max;
  if (span.high - span.low > max || span.high > 2 ** 52) return -EINVAL;
  let bias = 0;
  if (elf.dynamic) {
    const at = choosePlace(mm, span.high - span.low, alignment(elf.segments), base);
    if (at < 0) return at;
    bias = at - span.low;
  }
  let first = true;
  for (const s of elf.segments) {
    const at = bias + s.vaddr;
    if (at < 0 || at >= max || s.filesz > s.memsz || s.memsz > max || max - s.memsz < at) return -EINVAL;
    const r = mapSegment(
      mm,
      file,
      s,
      at,
      first && !elf.dynamic && !replace ? MAP_FIXED_NOREPLACE : MAP_FIXED,
    );
    if (r < 0) return r;
    first = false;
  }
  return describe(elf, bias);
}

function choosePlace(mm: MemoryManager, size: number, align: number, base: number): number {
  if (base !== 0) return base - (base % align);
  const at = findFree(mm, size + align - PAGE);
  return at < 0 ? -ENOMEM : Math.ceil(at / align) * align;
}

/**
 * The file part, the rest of its last page cleared, and anonymous pages behind it (elf_load). 0 or -errno.
 */
function mapSegment(mm: MemoryManager, file: File, s: ElfSegment, at: number, fixed: number): number {
  const prot =
    ((s.flags & PF_R) !== 0 ? PROT_READ : 0) |
    ((s.flags & PF_W) !== 0 ? PROT_WRITE : 0) |
    ((s.flags & PF_X) !== 0 ? PROT_EXEC : 0);
  const within = at % PAGE;
  if (s.memsz === 0) return 0;
  if (s.filesz > 0) {
    const offset = s.offset - within;
    if (offset < 0 || offset % PAGE !== 0) return -EINVAL;
    const r = mm.mmap(
      at - within,
      s.filesz + within,
      prot,
      MAP_PRIVATE | MAP_DENYWRITE | fixed,
      file,
      offset,
    );
    if (r < 0) return r;
  }
  const fileEnd = at + s.filesz;
  const end = at + s.memsz;
  const zeroFrom = s.filesz > 0 ? pageCeil(fileEnd) : pageFloor(at);
  if (s.filesz > 0 && end > fileEnd && zeroFrom > fileEnd && mm.zero(fileEnd, zeroFrom - fileEnd) < 0) {
    if ((prot & PROT_WRITE) !== 0) return -EFAULT;
  }
  if (pageCeil(end) <= zeroFrom) return 0;
  const bss = PROT_READ | PROT_WRITE | (prot & PROT_EXEC);
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | (s.filesz > 0 ? MAP_FIXED : fixed);
  const r = mm.mmap(zeroFrom, pageCeil(end) - zeroFrom, bss, flags, null, 0);
  return Math.min(r, 0);
}

function describe(elf: ElfHeaders, bias: number): MappedElf {
  let startCode = Number.POSITIVE_INFINITY;
  let endCode = 0;
  let startData = 0;
  let endData = 0;
  let brk = 0;
  let phdr = 0;
  for (const s of elf.segments) {
    if (elf.phoff >= s.offset && elf.phoff < s.offset + s.filesz)
      phdr = bias + elf.phoff - s.offset + s.vaddr;
    startCode = Math.min(startCode, bias + s.vaddr);
    startData = Math.max(startData, bias + s.vaddr);
    if ((s.flags & PF_X) !== 0) endCode = Math.max(endCode, bias + s.vaddr + s.filesz);
    endData = Math.max(endData, bias + s.vaddr + s.filesz);
    brk = Math.max(brk, bias + s.vaddr + s.memsz);
  }
  return { bias, entry: bias + elf.entry, phdr, startCode, endCode, startData, endData, brk };
}
