import {
  EAGAIN,
  EBUSY,
  EFAULT,
  EPERM,
  EPIPE,
  O_DIRECT,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '@sandbox/abi';
import { BytesIo, KERNEL_CREDENTIALS, releaseFile, WaitEntry } from '@sandbox/vfs';
import { describe, expect, it } from 'vitest';
import { Pipe } from '../../src/files/pipe/pipe.js';
import { PipeBuffers } from '../../src/files/pipe/pipe-buffers.js';
import { Fifos, makePipe, type PipeFile } from '../../src/files/pipe/pipe-file.js';
import { AnonFs, AnonInode } from '../../src/process/files/anon-inode.js';
import { testEnvironment } from './environment.js';

const inode = new AnonInode(new AnonFs(testEnvironment(), 'pipefs', 0), 0o10600, 0, 0);

function pipe(flags = 0): [PipeFile, PipeFile] {
  const ends: PipeFile[] = [];
  expect(makePipe(inode, new PipeBuffers(), 0, false, flags, ends)).toBe(0);
  return [ends[0], ends[1]];
}

const bytes = (n: number, start = 0) => Uint8Array.from({ length: n }, (_, i) => (start + i * 7) & 255);

/** Memory that faults behind the first `good` bytes. */
class FaultyIo extends BytesIo {
  private good: number;
  constructor(data: Uint8Array, good: number) {
    super(data);
    this.good = good;
  }
  override put(src: Uint8Array, offset: number, length: number): number {
    const n = super.put(src, offset, Math.min(length, this.good));
    this.good -= n;
    return n;
  }
  override get(dst: Uint8Array, offset: number, length: number): number {
    const n = super.get(dst, offset, Math.min(length, this.good));
    this.good -= n;
    return n;
  }
}

function read(file: PipeFile, max: number): Uint8Array | number {
  const buffer = new Uint8Array(max);
  const n = file.read(new BytesIo(buffer), 0);
  return n < 0 ? n : buffer.subarray(0, n);
}
const write = (file: PipeFile, data: Uint8Array) => file.write(new BytesIo(data), 0);

describe('pipe', () => {
  it('carries bytes in order and tells the end', () => {
    const [r, w] = pipe();
    expect(read(r, 10)).toBe(-EAGAIN);
    expect(write(w, bytes(5))).toBe(5);
    expect(write(w, bytes(3, 100))).toBe(3);
    expect(r.pipe.byteCount).toBe(8);
    expect(read(r, 4)).toEqual(bytes(4));
    expect(read(r, 100)).toEqual(Uint8Array.from([...bytes(5).subarray(4), ...bytes(3, 100)]));
    releaseFile(w);
    expect(read(r, 10)).toEqual(new Uint8Array(0));
  });

  it('holds 65536 bytes, then takes what a freed page allows', () => {
    const [r, w] = pipe();
    const data = bytes(70000);
    expect(write(w, data)).toBe(65536);
    expect(write(w, data)).toBe(-EAGAIN);
    expect(w.poll()).toBe(0);
    // Part of a page is no room for a writer.
    expect(read(r, 4095)).toEqual(data.subarray(0, 4095));
    expect(write(w, bytes(1))).toBe(-EAGAIN);
    expect(read(r, 1)).toEqual(data.subarray(4095, 4096));
    expect(w.poll()).toBe(POLLOUT | POLLWRNORM);
    expect(write(w, bytes(5000))).toBe(4096);
    expect(read(r, 100000)).toEqual(Uint8Array.from([...data.subarray(4096, 65536), ...bytes(4096)]));
  });

  it('counts slots: small writes are merged only when they fit the last page', () => {
    const [, w] = pipe();
    for (let i = 0; i < 16; i++) expect(write(w, bytes(4000))).toBe(4000);
    expect(write(w, bytes(97))).toBe(-EAGAIN);
    expect(write(w, bytes(96))).toBe(96);
    expect(write(w, bytes(1))).toBe(-EAGAIN);
  });

  it('keeps packets apart in O_DIRECT mode and drops what a read leaves', () => {
    const [r, w] = pipe(O_DIRECT);
    write(w, bytes(10));
    write(w, bytes(20));
    expect(read(r, 4)).toEqual(bytes(4));
    expect(read(r, 100)).toEqual(bytes(20));
    expect(write(w, bytes(5000))).toBe(5000);
    expect(read(r, 8192)).toEqual(bytes(5000).subarray(0, 4096));
    expect(read(r, 8192)).toEqual(bytes(5000).subarray(4096));
  });

  it('survives any sequence of reads and writes', () => {
    const [r, w] = pipe();
    let seed = 12345;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % n;
    };
    let sent = 0;
    let received = 0;
    for (let i = 0; i < 3000; i++) {
      if (random(2) === 0) {
        const n = 1 + random(i % 3 === 0 ? 20000 : 300);
        const data = Uint8Array.from({ length: n }, (_, k) => (sent + k) % 251);
        const done = write(w, data);
        if (n <= 4096 && done >= 0) expect(done).toBe(n);
        if (done > 0) sent += done;
      } else {
        const got = read(r, 1 + random(9000));
        if (typeof got === 'number') expect(got).toBe(-EAGAIN);
        else {
          expect(got.every((b, k) => b === (received + k) % 251)).toBe(true);
          received += got.length;
        }
      }
      expect(r.pipe.byteCount).toBe(sent - received);
    }
    expect(received).toBeGreaterThan(100000);
  });

  it('does not lose bytes that could not be stored', () => {
    const [r, w] = pipe();
    write(w, bytes(10000));
    expect(r.read(new FaultyIo(new Uint8Array(9000), 5000), 0)).toBe(4096);
    expect(r.read(new FaultyIo(new Uint8Array(9000), 100), 0)).toBe(-EFAULT);
    expect(read(r, 20000)).toEqual(bytes(10000).subarray(4096));
    expect(w.write(new FaultyIo(bytes(9000), 5000), 0)).toBe(4096);
    expect(w.write(new FaultyIo(bytes(100), 50), 0)).toBe(-EFAULT);
    expect(read(r, 20000)).toEqual(bytes(9000).subarray(0, 4096));
  });

  it('reports readiness as poll(2) says', () => {
    const [r, w] = pipe();
    expect(r.poll()).toBe(0);
    expect(w.poll()).toBe(POLLOUT | POLLWRNORM);
    write(w, bytes(1));
    expect(r.poll()).toBe(POLLIN | POLLRDNORM);
    releaseFile(w);
    expect(r.poll()).toBe(POLLIN | POLLRDNORM | POLLHUP);
    read(r, 1);
    expect(r.poll()).toBe(POLLHUP);
    const [r2, w2] = pipe();
    releaseFile(r2);
    expect(w2.poll()).toBe(POLLOUT | POLLWRNORM | POLLERR);
    expect(write(w2, bytes(1))).toBe(-EPIPE);
  });

  it('wakes readers at every write and writers when a full pipe gets room', () => {
    const [r, w] = pipe();
    const events: number[] = [];
    const entry = new WaitEntry({
      onWake(e) {
        events.push(e);
        return true;
      },
    });
    r.waitQueue.add(entry, 0x7fff);
    write(w, bytes(10));
    write(w, bytes(10));
    read(r, 5);
    expect(events).toEqual([POLLIN | POLLRDNORM, POLLIN | POLLRDNORM]);
    write(w, bytes(70000));
    events.length = 0;
    read(r, 4096);
    expect(events).toEqual([POLLOUT | POLLWRNORM]);
  });

  it('changes its capacity', () => {
    const [r, w] = pipe();
    expect(r.pipe.capacity).toBe(65536);
    expect(r.pipe.resize(1, false)).toBe(4096);
    expect(write(w, bytes(5000))).toBe(4096);
    expect(r.pipe.resize(100000, false)).toBe(131072);
    expect(write(w, bytes(200000))).toBe(131072 - 4096);
    expect(r.pipe.resize(65536, false)).toBe(-EBUSY);
    expect(r.pipe.resize(2 ** 21, false)).toBe(-EPERM);
    expect(r.pipe.resize(2 ** 21, true)).toBe(2 ** 21);
    expect((read(r, 4096) as Uint8Array).subarray(0, 4096)).toEqual(bytes(4096));
    expect(read(r, 300000)).toEqual(bytes(200000).subarray(0, 131072 - 4096));
  });

  it('gives users with many pipes small ones', () => {
    const buffers = new PipeBuffers();
    const ends: PipeFile[] = [];
    for (let i = 0; i < 1024; i++) makePipe(inode, buffers, 7, false, 0, ends);
    makePipe(inode, buffers, 7, false, 0, ends);
    expect(ends[0].pipe.capacity).toBe(8192);
    makePipe(inode, buffers, 8, false, 0, ends);
    expect(ends[0].pipe.capacity).toBe(65536);
    expect(buffers.charged(7)).toBe(16386);
    expect(new Pipe(buffers, 16, 8).empty).toBe(true);
  });
});

describe('fifo', () => {
  it('opens as fifo(7) says', () => {
    const fifos = new Fifos(new PipeBuffers());
    const node = new AnonInode(inode.fs as AnonFs, 0o10644, 0, 0);
    const open = (flags: number) => fifos.open(node, flags, KERNEL_CREDENTIALS) as PipeFile;
    expect(open(O_WRONLY | O_NONBLOCK)).toBe(-6);
    const r = open(O_RDONLY);
    expect(r.openPending()).toBe(true);
    const w = open(O_WRONLY);
    expect(w.openPending()).toBe(false);
    releaseFile(w);
    // The writer has come, though it has gone again.
    expect(r.openPending()).toBe(false);
    expect(r.poll()).toBe(POLLHUP);
    releaseFile(r);
    const early = open(O_RDONLY | O_NONBLOCK);
    expect(early.openPending()).toBe(false);
    expect(early.poll()).toBe(0);
    releaseFile(early);
    const both = open(O_RDWR);
    expect(both.openPending()).toBe(false);
    expect(write(both, bytes(3))).toBe(3);
    expect(read(both, 3)).toEqual(bytes(3));
    releaseFile(both);
  });
});
