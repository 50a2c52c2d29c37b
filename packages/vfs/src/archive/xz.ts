import { BCJ_FILTERS, undelta } from './bcj.js';
import { Lzma } from './lzma.js';

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0];
const HEADER = 12;
const FILTER_LZMA2 = 0x21;
const FILTER_DELTA = 3;
/** Bytes of a check, by its number. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
const CHECK_CRC32 = 1;

const CRC_TABLE = new Uint32Array(256).map((_, n) => {
  let c = n;
  for (let i = 0; i < 8; i++) c = (c & 1) !== 0 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const b of bytes) c = CRC_TABLE[(c ^ b) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

class Reader {
  at = 0;
  constructor(readonly data: Uint8Array) {}
  byte(): number {
    if (this.at >= this.data.length) throw new RangeError('xz: cut off');
    return this.data[this.at++]!;
  }
  take(length: number): Uint8Array {
    if (this.at + length > this.data.length) throw new RangeError('xz: cut off');
    return this.data.subarray(this.at, (this.at += length));
  }
  u32(): number {
    const b = this.take(4);
    return (b[0]! | (b[1]! << 8) | (b[2]! << 16) | (b[3]! << 24)) >>> 0;
  }
  /** A number of seven bits a byte. */
  vli(): number {
    let n = 0;
    for (let i = 0, weight = 1; i < 9; i++, weight *= 128) {
      const b = this.byte();
      n += (b & 127) * weight;
      if (b < 128) return n;
    }
    throw new RangeError('xz: a number too long');
  }
}

/** Do the first bytes of a file say that it is one? */
export function isXz(head: Uint8Array): boolean {
  return MAGIC.every((b, i) => head[i] === b);
}

const FOOTER = 12;

/**
 * Bytes that come out of an .xz file, as the indexes at the ends of its streams say. RangeError: no such
 * file.
 */
export function xzSize(data: Uint8Array): number {
  let size = 0;
  for (let end = data.length; end > 0; ) {
    // Padding behind a stream.
    while (end >= 4 && data[end - 1] === 0 && data[end - 2] === 0) end -= 4;
    if (end < FOOTER || data[end - 2] !== 0x59 || data[end - 1] !== 0x5a) throw new RangeError('xz: cut off');
    const footer = new Reader(data.subarray(end - FOOTER, end));
    footer.u32();
    let start = end - FOOTER - (footer.u32() + 1) * 4;
    if (start < HEADER) throw new RangeError('xz: no index');
    const index = new Reader(data.subarray(start, end - FOOTER));
    if (index.byte() !== 0) throw new RangeError('xz: no index');
    for (let left = index.vli(); left > 0; left--) {
      start -= Math.ceil(index.vli() / 4) * 4;
      size += index.vli();
    }
    if (start < HEADER) throw new RangeError('xz: blocks larger than the file');
    end = start - HEADER;
  }
  return size;
}

/**
 * The .xz format (xz-file-format.txt, 1.2): LZMA2, filters for machine code, differences; to at most `limit`
 * bytes. CRC32 checks are held against the content, others are passed over.
 *
 * @throws RangeError when it is damaged, gets larger, or has been through a filter that is not known.
 */
export function unxz(data: Uint8Array, limit: number): Uint8Array {
  const reader = new Reader(data);
  const lzma = new Lzma(limit);
  do {
    stream(reader, lzma);
    while (reader.at + 4 <= data.length && data[reader.at] === 0) reader.at += 4;
  } while (reader.at + HEADER <= data.length);
  return lzma.out.subarray(0, lzma.done);
}

function stream(reader: Reader, lzma: Lzma): void {
  const header = reader.take(HEADER);
  if (!isXz(header) || header[6] !== 0) throw new RangeError('xz: no such stream');
  const check = header[7]! & 15;
  let blocks = 0;
  for (let size = reader.byte(); size !== 0; size = reader.byte()) {
    block(reader, size, check, lzma);
    blocks++;
  }
  const index = reader.at - 1;
  if (reader.vli() !== blocks) throw new RangeError('xz: wrong index');
  for (; blocks > 0; blocks--) {
    reader.vli();
    reader.vli();
  }
  reader.at += (4 - ((reader.at - index) % 4)) % 4;
  // A check sum of the index, and the footer.
  reader.take(4 + FOOTER);
}

type Unfilter = (bytes: Uint8Array) => void;

/** What is to be done with the content of a block, last first. */
function filters(reader: Reader, count: number): Unfilter[] {
  const all: Unfilter[] = [];
  for (let i = 0; i < count; i++) {
    const id = reader.vli();
    const properties = new Reader(reader.take(reader.vli()));
    if (i === count - 1) {
      if (id !== FILTER_LZMA2) break;
      return all.reverse();
    }
    const bcj = BCJ_FILTERS[id];
    if (id === FILTER_DELTA) {
      const distance = properties.byte() + 1;
      all.push((bytes) => undelta(bytes, distance));
    } else if (bcj !== undefined) {
      const start = properties.data.length === 4 ? properties.u32() : 0;
      all.push((bytes) => bcj(bytes, start));
    } else break;
  }
  throw new RangeError('xz: filters that are not known');
}

function block(reader: Reader, size: number, check: number, lzma: Lzma): void {
  const start = reader.at - 1;
  const flags = reader.byte();
  if ((flags & 0x40) !== 0) reader.vli();
  if ((flags & 0x80) !== 0) reader.vli();
  const unfilters = filters(reader, (flags & 3) + 1);
  reader.at = start + (size + 1) * 4;
  const from = lzma.done;
  const dataAt = reader.at;
  chunks(reader, lzma);
  reader.at += (4 - ((reader.at - dataAt) % 4)) % 4;
  const content = lzma.out.subarray(from, lzma.done);
  for (const unfilter of unfilters) unfilter(content);
  const length = CHECK_SIZES[check]!;
  if (check !== CHECK_CRC32) reader.take(length);
  else if (reader.u32() !== crc32(content)) throw new RangeError('xz: wrong check sum');
}

/** LZMA2: chunks that are stored, or LZMA that goes on or begins anew. */
function chunks(reader: Reader, lzma: Lzma): void {
  for (let control = reader.byte(); control !== 0; control = reader.byte()) {
    if (control < 0x80) {
      if (control > 2) throw new RangeError('xz: no such chunk');
      if (control === 1) lzma.resetDictionary();
      lzma.store(reader.take(reader.byte() * 256 + reader.byte() + 1));
      continue;
    }
    const size = (control & 31) * 65536 + reader.byte() * 256 + reader.byte() + 1;
    const packed = reader.byte() * 256 + reader.byte() + 1;
    const reset = (control >> 5) & 3;
    if (reset === 3) lzma.resetDictionary();
    if (reset >= 2) lzma.setProperties(reader.byte());
    if (reset >= 1) lzma.resetState();
    lzma.decode(reader.take(packed), size);
  }
}
