import { SEEK_SET } from '@sandbox/abi';
import { direntBytes, hostGetdents, hostLseek } from '@sandbox/native';
import { DirListing } from '../core/dir-listing.js';

/** What of an entry guests are shown: its inode number and DT_* type. */
export interface EntryView {
  listedIno(lo: number, hi: number): number;
  listedType(type: number): number;
}

/** Read the whole directory open as `fd`, as `view` has it seen; or -errno. */
export function readListing(fd: number, view: EntryView): DirListing | number {
  const seek = hostLseek(fd, 0, SEEK_SET);
  if (seek < 0) return seek;
  const list = new DirListing();
  for (;;) {
    const n = hostGetdents(fd);
    if (n < 0) return n;
    if (n === 0) return list;
    parse(list, n, view);
  }
}

/** `struct linux_dirent64`: d_ino 8, d_off 8, d_reclen 2, d_type 1, name. */
function parse(list: DirListing, length: number, view: EntryView): void {
  const b = direntBytes;
  let at = 0;
  while (at + 19 < length) {
    const reclen = b.readUInt16LE(at + 16);
    if (reclen < 20 || at + reclen > length) return;
    const start = at + 19;
    const end = b.indexOf(0, start);
    if (!isDots(b, start, end)) {
      const ino = view.listedIno(b.readUInt32LE(at), b.readUInt32LE(at + 4));
      list.add(b.toString('latin1', start, end), ino, view.listedType(b[at + 18]));
    }
    at += reclen;
  }
}

function isDots(b: Buffer, start: number, end: number): boolean {
  if (b[start] !== 46) return false;
  return end === start + 1 || (end === start + 2 && b[start + 1] === 46);
}
