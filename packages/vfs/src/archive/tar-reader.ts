import { PassThrough, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { makedev } from '@sandbox/abi';
import { Decompress } from 'fzstd';
import { extract, type Header } from 'tar-stream';
import { VfsError } from '../core/errors.js';
import { isBzip2, unbzip2 } from './bzip2.js';
import { type ArchiveDirectory, type ArchiveFile, type ArchiveTree, TYPES } from './entries.js';
import { XATTR } from './pax.js';
import { isXz, unxz, xzSize } from './xz.js';

/**
 * Bytes of an archive, whole or in pieces, each a Uint8Array: any stream will do, few are typed to say more
 * than `unknown`.
 */
export type ArchiveSource = Uint8Array | AsyncIterable<unknown>;

function latin1(utf8: string): string {
  return Buffer.from(utf8, 'utf8').toString('latin1');
}

/**
 * Decompress by what the first bytes say: gzip, zstd, xz, bzip2, or nothing. `mayHold` is asked before much
 * room is made at once.
 */
async function* plain(source: ArchiveSource, mayHold: (bytes: number) => void): AsyncIterable<Uint8Array> {
  const pieces = (source instanceof Uint8Array ? [source] : source) as AsyncIterable<Uint8Array>;
  const stream = Readable.from(pieces);
  const it = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let head: Uint8Array = new Uint8Array(0);
  let ended = false;
  while (head.length < 6 && !ended) {
    const next = await it.next();
    if (next.done) ended = true;
    else head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncIterable<Uint8Array> {
    yield head;
    for (let next = await it.next(); !next.done; next = await it.next()) yield next.value;
  }
  if (head[0] === 0x1f && head[1] === 0x8b) {
    const gunzip = createGunzip();
    const rest = Readable.from(all());
    rest.on('error', (e) => gunzip.destroy(e));
    yield* rest.pipe(gunzip) as AsyncIterable<Uint8Array>;
  } else if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) {
    yield* unzstd(all());
  } else if (isXz(head)) {
    const data = await whole(all());
    const size = xzSize(data);
    mayHold(size);
    yield unxz(data, size);
  } else if (isBzip2(head)) yield* unbzip2(await whole(all()));
  else yield* all();
}

async function whole(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function* unzstd(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let out: Uint8Array[] = [];
  const decompress = new Decompress((piece) => out.push(piece));
  for await (const piece of pieces) {
    decompress.push(new Uint8Array(piece));
    yield* out;
    out = [];
  }
  decompress.push(new Uint8Array(0), true);
  yield* out;
}

/**
 * Read a tar archive (plain, gzip, zstd, xz or bzip2) on top of what `tree` has. Throws a `VfsError` when it
 * is none.
 */
export async function readTar(source: ArchiveSource, tree: ArchiveTree): Promise<void> {
  const inLayer = new Set<ArchiveDirectory | ArchiveFile>();
  try {
    const mayHold = (bytes: number) => tree.mayHold(bytes);
    await readEntries(source, mayHold, async (header, content) => {
      const pax = paxOf(header);
      const name = pax.path === undefined ? header.name : latin1(header.name);
      if ((header.type as string) === 'link') {
        const target = header.linkname ?? '';
        tree.link(name, pax.linkpath === undefined ? target : latin1(target), inLayer);
        return;
      }
      const type = TYPES[header.type ?? 'file'];
      if (type === undefined) throw new VfsError('ERR_VFS_SOURCE', `an archive entry of type ${header.type}`);
      tree.add(name, fileOf(header, type, content), inLayer);
    });
  } catch (error) {
    if (error instanceof VfsError) throw error;
    throw new VfsError('ERR_VFS_SOURCE', `no tar archive: ${(error as Error).message}`);
  }
}

/**
 * Every entry of a tar archive with its content. `mayHold` throws when an archive of so many bytes is too
 * large.
 */
export async function readEntries(
  source: ArchiveSource,
  mayHold: (bytes: number) => void,
  each: (header: Header, content: Uint8Array) => Promise<void> | void,
): Promise<void> {
  const parser = extract({ filenameEncoding: 'latin1' } as Parameters<typeof extract>[0]);
  const input = Readable.from(plain(source, mayHold)).on('error', (e) => parser.destroy(e));
  input.pipe(new PassThrough()).pipe(parser);
  for await (const entry of parser) {
    const pieces: Uint8Array[] = [];
    for await (const piece of entry as AsyncIterable<Uint8Array>) pieces.push(piece);
    await each((entry as unknown as { header: Header }).header, Buffer.concat(pieces));
  }
}

function paxOf(header: Header): Record<string, string | undefined> {
  return (header.pax ?? {}) as Record<string, string | undefined>;
}

function fileOf(header: Header, type: number, content: Uint8Array): ArchiveFile {
  const pax = paxOf(header);
  const [mtimeSec, mtimeNsec] = timeOf(pax.mtime ?? String((header.mtime?.getTime() ?? 0) / 1000));
  const target = header.linkname ?? '';
  const isLink = header.type === 'symlink';
  return {
    mode: type | (isLink ? 0o777 : (header.mode ?? 0o644) & 0o7777),
    uid: idOf(pax.uid, header.uid),
    gid: idOf(pax.gid, header.gid),
    mtimeSec,
    mtimeNsec,
    content: isLink
      ? Buffer.from(pax.linkpath === undefined ? target : latin1(target), 'latin1')
      : header.type === 'file' || header.type === 'contiguous-file'
        ? content
        : new Uint8Array(0),
    rdev: makedev(header.devmajor ?? 0, header.devminor ?? 0),
    xattrs: Object.entries(pax)
      .filter(([key]) => key.startsWith(XATTR))
      .map(([key, value]) => [key.slice(XATTR.length), Buffer.from(String(value), 'utf8')] as const),
  };
}

function idOf(pax: string | undefined, header: number | undefined): number {
  const id = pax === undefined ? (header ?? 0) : Number(pax);
  return Number.isInteger(id) && id >= 0 && id < 2 ** 32 ? id : 0;
}

/** Seconds with any fraction, to the nanosecond, which is more than a number holds. */
function timeOf(text: string): [sec: number, nsec: number] {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (m === null) return [0, 0];
  const sec = Number(m[2]);
  const nsec = Number((m[3] ?? '').padEnd(9, '0').slice(0, 9));
  if (m[1] === '') return [sec, nsec];
  return nsec === 0 ? [-sec, 0] : [-sec - 1, 1e9 - nsec];
}
