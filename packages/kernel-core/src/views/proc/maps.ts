import { major, minor } from '@sandbox/abi';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { SharedAnon } from '../../mm/shared-anon.js';
import type { Vma } from '../../mm/vma.js';
import type { Content } from '../../pseudo/text.js';
import { escapeText, hex } from './format.js';
import { fileText } from './paths.js';
import type { ProcSubject } from './subject.js';

/** Column in which names begin. */
const NAME_COLUMN = 73;
/** The page all address spaces have above the top (vsyscall(7) emulation: execute only). */
const VSYSCALL = 'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n';

/** Name of a mapping: the file, or what the kernel calls it. */
export function mappingName(s: ProcSubject, mm: MemoryManager, vma: Vma): string {
  if (vma.name !== '') return vma.name;
  if (vma.mappable instanceof SharedAnon) return '/dev/zero (deleted)';
  if (vma.file !== null) return escapeText(fileText(s, vma.file), /\n/g);
  const e = mm.exec;
  if (vma.start <= e.brk && vma.end >= e.startBrk && e.startBrk !== 0) return '[heap]';
  if (vma.start <= e.startStack && vma.end >= e.startStack) return '[stack]';
  return '';
}

/** The part of a line before the name, and the name in its column. */
export function mapLine(s: ProcSubject, mm: MemoryManager, vma: Vma): string {
  let offset = 0;
  let dev = 0;
  let ino = 0;
  if (vma.mappable instanceof SharedAnon) {
    offset = vma.offset;
    dev = 1;
    ino = vma.mappable.ino;
  } else if (vma.file !== null) {
    offset = vma.offset;
    dev = vma.file.inode.dev;
    ino = vma.file.inode.ino;
  }
  const line =
    `${hex(vma.start, 8)}-${hex(vma.end, 8)} ${vma.perms} ${hex(offset, 8)} ` +
    `${hex(major(dev), 2)}:${hex(minor(dev), 2)} ${ino} `;
  const name = mappingName(s, mm, vma);
  return name === '' ? `${line}\n` : `${line.padEnd(NAME_COLUMN)}${name}\n`;
}

/** /proc/PID/maps */
export function mapsText(s: ProcSubject): Content {
  const { mm } = s;
  if (mm === null) return '';
  const lines: string[] = [];
  for (let vma = mm.vmas.first; vma !== null; vma = vma.next) lines.push(mapLine(s, mm, vma));
  lines.push(VSYSCALL);
  return lines.join('');
}
