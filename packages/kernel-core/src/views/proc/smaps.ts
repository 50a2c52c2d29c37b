import { ESRCH, PROT_EXEC, PROT_READ, PROT_WRITE } from '@sandbox/abi';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { PMA_ANON, PMA_FILE, type Pma } from '../../mm/pma.js';
import {
  VM_ACCOUNT,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_GROWSDOWN,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_RAND_READ,
  VM_SEALED,
  VM_SEQ_READ,
  VM_SHARED,
  VM_WIPEONFORK,
  type Vma,
} from '../../mm/vma.js';
import type { Content } from '../../pseudo/text.js';
import { hex, kib } from './format.js';
import { mapLine, mappingName } from './maps.js';
import type { ProcSubject } from './subject.js';

const PAGE = 4096;

/** Where the pages of a mapping are, in bytes. */
class Residence {
  rss = 0;
  pss = 0;
  pssDirty = 0;
  pssAnon = 0;
  pssFile = 0;
  pssShmem = 0;
  sharedClean = 0;
  sharedDirty = 0;
  privateClean = 0;
  privateDirty = 0;
  anonymous = 0;
  locked = 0;

  /** Count what is present of [start, end). */
  add(s: ProcSubject, mm: MemoryManager, vma: Vma): void {
    const before = this.pss;
    for (let pma = mm.pages.pmas.lowerBound(vma.start); pma !== null && pma.start < vma.end; pma = pma.next) {
      const end = Math.min(pma.end, vma.end);
      for (let at = Math.max(pma.start, vma.start); at < end; at += PAGE) this.page(s, pma, at);
    }
    if ((vma.flags & VM_LOCKED) !== 0) this.locked += this.pss - before;
  }

  /** A page of a file is referenced by its cache as well; what is left are mappings. */
  private page(s: ProcSubject, pma: Pma, at: number): void {
    const refs = s.kernel.memory.refCount(pma.offset + (at - pma.start));
    const users = Math.max(pma.kind === PMA_ANON ? refs : refs - 1, 1);
    const share = PAGE / users;
    const dirty = pma.kind !== PMA_FILE;
    this.rss += PAGE;
    this.pss += share;
    if (dirty) this.pssDirty += share;
    if (pma.kind === PMA_ANON) {
      this.anonymous += PAGE;
      this.pssAnon += share;
    } else if (pma.kind === PMA_FILE) this.pssFile += share;
    else this.pssShmem += share;
    if (users > 1) {
      if (dirty) this.sharedDirty += PAGE;
      else this.sharedClean += PAGE;
    } else if (dirty) this.privateDirty += PAGE;
    else this.privateClean += PAGE;
  }

  text(rollup: boolean): string {
    const zero = kib(0);
    return (
      `Rss:            ${kib(this.rss)}\nPss:            ${kib(this.pss)}\nPss_Dirty:      ${kib(this.pssDirty)}\n` +
      (rollup
        ? `Pss_Anon:       ${kib(this.pssAnon)}\nPss_File:       ${kib(this.pssFile)}\n` +
          `Pss_Shmem:      ${kib(this.pssShmem)}\n`
        : '') +
      `Shared_Clean:   ${kib(this.sharedClean)}\nShared_Dirty:   ${kib(this.sharedDirty)}\n` +
      `Private_Clean:  ${kib(this.privateClean)}\nPrivate_Dirty:  ${kib(this.privateDirty)}\n` +
      `Referenced:     ${kib(this.rss)}\nAnonymous:      ${kib(this.anonymous)}\nKSM:            ${zero}\n` +
      `LazyFree:       ${zero}\nAnonHugePages:  ${zero}\nShmemPmdMapped: ${zero}\nFilePmdMapped:  ${zero}\n` +
      `Shared_Hugetlb: ${zero}\nPrivate_Hugetlb:${zero}\nSwap:           ${zero}\nSwapPss:        ${zero}\n` +
      `Locked:         ${kib(this.locked)}\n`
    );
  }
}

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [VM_GROWSDOWN, 'gd'],
  [VM_LOCKED, 'lo'],
  [VM_SEQ_READ, 'sr'],
  [VM_RAND_READ, 'rr'],
  [VM_DONTCOPY, 'dc'],
  [VM_DONTEXPAND, 'de'],
  [VM_LOCKONFAULT, 'lf'],
  [VM_ACCOUNT, 'ac'],
  [VM_NORESERVE, 'nr'],
  [VM_WIPEONFORK, 'wf'],
  [VM_DONTDUMP, 'dd'],
  [VM_HUGEPAGE, 'hg'],
  [VM_NOHUGEPAGE, 'nh'],
  [VM_MERGEABLE, 'mg'],
  [VM_SEALED, 'sl'],
];

/** The two-letter flags of a mapping, in the order of Linux's bits. */
function flagText(vma: Vma): string {
  let t = '';
  if ((vma.prot & PROT_READ) !== 0) t += 'rd ';
  if ((vma.prot & PROT_WRITE) !== 0) t += 'wr ';
  if ((vma.prot & PROT_EXEC) !== 0) t += 'ex ';
  if ((vma.flags & VM_SHARED) !== 0) t += 'sh ';
  if ((vma.mayProt & PROT_READ) !== 0) t += 'mr ';
  if ((vma.mayProt & PROT_WRITE) !== 0) t += 'mw ';
  if ((vma.mayProt & PROT_EXEC) !== 0) t += 'me ';
  if (vma.shared) t += 'ms ';
  for (const [flag, name] of FLAG_NAMES) if ((vma.flags & flag) !== 0) t += `${name} `;
  return t;
}

/** /proc/PID/smaps */
export function smapsText(s: ProcSubject): Content {
  const { mm } = s;
  if (mm === null) return '';
  const parts: string[] = [];
  for (let vma = mm.vmas.first; vma !== null; vma = vma.next) {
    const r = new Residence();
    r.add(s, mm, vma);
    parts.push(
      mapLine(s, mm, vma),
      `Size:           ${kib(vma.length)}\nKernelPageSize: ${kib(PAGE)}\nMMUPageSize:    ${kib(PAGE)}\n`,
      r.text(false),
      `THPeligible:    ${'0'.padStart(8)}\nVmFlags: ${flagText(vma)}\n`,
    );
  }
  return parts.join('');
}

/** /proc/PID/smaps_rollup */
export function smapsRollupText(s: ProcSubject): Content {
  const { mm } = s;
  const first = mm?.vmas.first ?? null;
  if (mm === null || first === null) return -ESRCH;
  const sum = new Residence();
  for (let vma: Vma | null = first; vma !== null; vma = vma.next) sum.add(s, mm, vma);
  const line = `${hex(first.start, 8)}-${hex(mm.vmas.last!.end, 8)} ---p 00000000 00:00 0 `;
  return `${line.padEnd(73)}[rollup]\n${sum.text(true)}`;
}

/** /proc/PID/numa_maps (numa(7)): there is one node. */
export function numaMapsText(s: ProcSubject): Content {
  const { mm } = s;
  if (mm === null) return '';
  const lines: string[] = [];
  for (let vma = mm.vmas.first; vma !== null; vma = vma.next) {
    const r = new Residence();
    r.add(s, mm, vma);
    const name = mappingName(s, mm, vma);
    let t = `${hex(vma.start, 8)} default`;
    if (vma.file !== null) t += ` file=${name.replace(/ /g, '\\040')}`;
    else if (name === '[heap]') t += ' heap';
    else if (name === '[stack]') t += ' stack';
    const pages = r.rss / PAGE;
    const anon = r.anonymous / PAGE;
    if (anon > 0) t += ` anon=${anon} dirty=${anon}`;
    if (pages > 0 && pages !== anon) t += ` mapped=${pages}`;
    if (pages > 0) t += ` N0=${pages} kernelpagesize_kB=4`;
    lines.push(`${t}\n`);
  }
  return lines.join('');
}
