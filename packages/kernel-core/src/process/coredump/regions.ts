import { PF_R, PF_W, PF_X, PROT_EXEC, PROT_READ, PROT_WRITE } from '@sandbox/abi';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { PMA_ANON } from '../../mm/pma.js';
import { SharedAnon } from '../../mm/shared-anon.js';
import { VM_DONTDUMP, VM_SPECIAL, type Vma } from '../../mm/vma.js';

const PAGE = 4096;

/** Bits of coredump_filter (core(5)). */
const ANON_PRIVATE = 1 << 0;
const ANON_SHARED = 1 << 1;
const MAPPED_PRIVATE = 1 << 2;
const MAPPED_SHARED = 1 << 3;
const ELF_HEADERS = 1 << 4;

/** A mapping in a dump: how much of it is in the file, from its start on. */
export interface Region {
  readonly start: number;
  readonly end: number;
  readonly flags: number;
  readonly bytes: number;
}

/** Some private page of the mapping has been written (Linux: it has an anon_vma). */
function hasPrivatePages(mm: MemoryManager, vma: Vma): boolean {
  for (let p = mm.pages.pmas.lowerBound(vma.start); p !== null && p.start < vma.end; p = p.next)
    if (p.kind === PMA_ANON) return true;
  return false;
}

function beginsWithElf(mm: MemoryManager, vma: Vma): boolean {
  const magic = new Uint8Array(4);
  if (mm.accessForced(vma.start, magic, 0, 4, false) < 4) return false;
  return Buffer.from(magic).toString('latin1') === '\x7fELF';
}

/** How much of a mapping is dumped (vma_dump_size). */
function dumpSize(mm: MemoryManager, vma: Vma, filter: number): number {
  if ((vma.flags & VM_SPECIAL) !== 0) return vma.length;
  if ((vma.flags & VM_DONTDUMP) !== 0) return 0;
  if (vma.shared) {
    const nameless = vma.mappable instanceof SharedAnon || vma.file === null || vma.file.inode.nlink === 0;
    return (filter & (nameless ? ANON_SHARED : MAPPED_SHARED)) !== 0 ? vma.length : 0;
  }
  if ((filter & ANON_PRIVATE) !== 0 && hasPrivatePages(mm, vma)) return vma.length;
  if (vma.file === null) return 0;
  if ((filter & MAPPED_PRIVATE) !== 0) return vma.length;
  const header = (filter & ELF_HEADERS) !== 0 && vma.offset === 0 && (vma.prot & PROT_READ) !== 0;
  return header && beginsWithElf(mm, vma) ? PAGE : 0;
}

function flagsOf(prot: number): number {
  return (
    ((prot & PROT_READ) !== 0 ? PF_R : 0) |
    ((prot & PROT_WRITE) !== 0 ? PF_W : 0) |
    ((prot & PROT_EXEC) !== 0 ? PF_X : 0)
  );
}

/** All mappings, in order. */
export function coreRegions(mm: MemoryManager): Region[] {
  const regions: Region[] = [];
  const filter = mm.settings.coredumpFilter;
  for (let vma = mm.vmas.first; vma !== null; vma = vma.next) {
    const bytes = dumpSize(mm, vma, filter);
    regions.push({ start: vma.start, end: vma.end, flags: flagsOf(vma.prot), bytes });
  }
  return regions;
}
