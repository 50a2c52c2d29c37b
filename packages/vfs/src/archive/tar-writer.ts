import { isPlain, type PaxFacts, paxRecords } from './pax.js';

/** Typeflags of ustar (pax(1), "ustar Interchange Format"). */
export const TAR_TYPES = {
  file: '0',
  link: '1',
  symlink: '2',
  characterDevice: '3',
  blockDevice: '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
} as const;
export type TarType = (typeof TAR_TYPES)[keyof typeof TAR_TYPES];

/** An entry of an archive: what a header says, and what it has no room for. Names are byte strings. */
export interface TarEntry extends PaxFacts {
  readonly type: TarType;
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  readonly devmajor: number;
  readonly devminor: number;
}

export const TAR_BLOCK = 512;
const OCTAL_SIZE = 8 ** 11;

function put(block: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) block[at + i] = text.charCodeAt(i);
}

function octal(block: Uint8Array, at: number, width: number, value: number): void {
  const most = 8 ** (width - 1) - 1;
  put(
    block,
    at,
    Math.min(Math.max(value, 0), most)
      .toString(8)
      .padStart(width - 1, '0'),
  );
}

/** Sizes of 8 GiB and more are binary, as GNU tar and others write and read them. */
function size(block: Uint8Array, at: number, value: number): void {
  if (value < OCTAL_SIZE) {
    octal(block, at, 12, value);
    return;
  }
  block[at] = 0x80;
  for (let i = 11, rest = value; i > 0; i--, rest = Math.floor(rest / 256)) block[at + i] = rest % 256;
}

function headerBlock(entry: TarEntry, name: string, linkname: string): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK);
  put(block, 0, name);
  octal(block, 100, 8, entry.mode);
  octal(block, 108, 8, entry.uid);
  octal(block, 116, 8, entry.gid);
  size(block, 124, entry.size);
  octal(block, 136, 12, entry.mtimeSec);
  put(block, 148, '        ');
  put(block, 156, entry.type);
  put(block, 157, linkname);
  put(block, 257, 'ustar\0' + '00');
  octal(block, 329, 8, entry.devmajor);
  octal(block, 337, 8, entry.devminor);
  let sum = 0;
  for (const byte of block) sum += byte;
  put(block, 148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}

/** Zeros behind `length` bytes, up to a whole block. */
export function tarPadding(length: number): Uint8Array {
  return new Uint8Array((TAR_BLOCK - (length % TAR_BLOCK)) % TAR_BLOCK);
}

/** The blocks in front of the content of `entry`. */
export function tarHeaders(entry: TarEntry): Uint8Array {
  const records = paxRecords(entry);
  const name = isPlain(entry.path) ? entry.path : 'PaxPath';
  const main = headerBlock(entry, name, isPlain(entry.linkpath) ? entry.linkpath : 'PaxLink');
  if (records.length === 0) return main;
  const extended = { ...entry, type: TAR_TYPES.pax, mode: 0o644, size: records.length };
  return Buffer.concat([headerBlock(extended, 'PaxHeader', ''), records, tarPadding(records.length), main]);
}

/** The end of an archive. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * TAR_BLOCK);
}
