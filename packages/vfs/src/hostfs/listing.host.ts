import { SEEK_SET } from '@sandbox/abi';
import { direntBytes, hostGetdents, hostLseek } from '@sandbox/native';

/** What a directory held when it was read: parallel arrays, so that a position in it stays valid while entries come and go. */
export class Listing {
  readonly names: string[] = [];
  readonly types: number[] = [];
  readonly inoLo: number[] = [];
  readonly inoHi: number[] = [];
}

/** Read the whole directory open as `fd`. A `Listing`, or -errno. */
export function readListing(fd: number): Listing | number {
  const seek = hostLseek(fd, 0, SEEK_SET);
  if (seek < 0) return seek;
  const list = new Listing();
  for (;;) {
    const n = hostGetdents(fd);
    if (n < 0) return n;
    if (n === 0) return list;
    parse(list, n);
  }
}

/** `struct linux_dirent64`: d_ino 8, d_off 8, d_reclen 2, d_type 1, name. */
function parse(list: Listing, length: number): void {
  const b = direntBytes;
  let at = 0;
  while (at + 19 < length) {
    const reclen = b.readUInt16LE(at + 16);
    if (reclen < 20 || at + reclen > length) return;
    const start = at + 19;
    const end = b.indexOf(0, start);
    if (!isDots(b, start, end)) {
      list.names.push(b.toString('latin1', start, end));
      list.types.push(b[at + 18]);
      list.inoLo.push(b.readUInt32LE(at));
      list.inoHi.push(b.readUInt32LE(at + 4));
    }
    at += reclen;
  }
}

function isDots(b: Buffer, start: number, end: number): boolean {
  if (b[start] !== 46) return false;
  return end === start + 1 || (end === start + 2 && b[start + 1] === 46);
}
