import { PROT_EXEC, PROT_READ } from '@sandbox/abi';
import type { Mappable } from '@sandbox/vfs';
import type { MemoryManager } from '../mm/memory-manager.js';
import { findFree } from '../mm/mmap.js';
import { VM_DONTDUMP, VM_DONTEXPAND, VM_SPECIAL, Vma } from '../mm/vma.js';

const PAGE = 4096;

/** What is mapped of the kernel's own into every program: `time/vdso-pages.ts`. */
export interface VdsoParts {
  readonly data: Mappable;
  readonly image: Mappable & { readonly bytes: number };
}

/** Map the data page and right behind it the image into a new program's memory. Address of the image, or -ENOMEM. */
export function mapVdso(mm: MemoryManager, parts: VdsoParts): number {
  const at = findFree(mm, PAGE + parts.image.bytes);
  if (at < 0) return at;
  special(mm, at, PAGE, PROT_READ, '[vvar]', parts.data);
  special(mm, at + PAGE, parts.image.bytes, PROT_READ | PROT_EXEC, '[vdso]', parts.image);
  mm.exec.vdso = at + PAGE;
  mm.done(0);
  return at + PAGE;
}

function special(
  mm: MemoryManager,
  at: number,
  length: number,
  prot: number,
  name: string,
  mappable: Mappable,
): void {
  const vma = new Vma(at, at + length);
  vma.prot = prot;
  vma.mayProt = PROT_READ | PROT_EXEC;
  vma.flags = VM_SPECIAL | VM_DONTEXPAND | VM_DONTDUMP;
  vma.name = name;
  vma.mappable = mappable;
  mm.insertVma(vma);
  mm.backNow(vma, vma.start, vma.end);
}
