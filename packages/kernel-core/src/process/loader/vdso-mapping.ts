import { PROT_EXEC, PROT_READ } from '@sandbox/abi';
import type { Mappable } from '@sandbox/vfs';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { findFree } from '../../mm/mmap.js';
import { VM_DONTDUMP, VM_DONTEXPAND, VM_SPECIAL, Vma } from '../../mm/vma.js';
import type { TimeNamespace } from '../ns/namespaces.js';

const PAGE = 4096;

/** What is mapped of the kernel's own into every program: `time/vdso-pages.ts`. */
export interface VdsoParts {
  readonly data: Mappable;
  readonly dataWithoutCounter: Mappable | null;
  readonly image: Mappable & { readonly bytes: number };
}

/**
 * Map the data page and right behind it the image into a new program's memory. Address of the image, or
 * -ENOMEM.
 */
export function mapVdso(mm: MemoryManager, parts: VdsoParts, data: Mappable): number {
  const at = findFree(mm, PAGE + parts.image.bytes);
  if (at < 0) return at;
  special(mm, at, PAGE, PROT_READ, '[vvar]', data);
  special(mm, at + PAGE, parts.image.bytes, PROT_READ | PROT_EXEC, '[vdso]', parts.image);
  mm.exec.vdso = at + PAGE;
  mm.done(0);
  return at + PAGE;
}

/**
 * The data page a program in `time` reads: where its clocks are not the machine's, one that has it ask. Null:
 * none can be had.
 */
export function clockPage(parts: VdsoParts, time: TimeNamespace): Mappable | null {
  return time.monotonic === 0 && time.boottime === 0 ? parts.data : parts.dataWithoutCounter;
}

/**
 * A running program has come into a time namespace: its vDSO tells the time there from now on (Linux:
 * vdso_join_timens).
 */
export function joinClocks(mm: MemoryManager, parts: VdsoParts, time: TimeNamespace): void {
  const vma = mm.exec.vdso === 0 ? null : mm.vmas.find(mm.exec.vdso - PAGE);
  if (vma === null || vma.name !== '[vvar]') return;
  const data = clockPage(parts, time);
  if (data === null || vma.mappable === data) return;
  mm.pages.clear(vma.start, vma.end, true);
  vma.mappable = data;
  mm.backNow(vma, vma.start, vma.end);
  mm.done(0);
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
