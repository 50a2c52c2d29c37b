import {
  EEXIST,
  EINVAL,
  ELOOP,
  ENOENT,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  POLLIN,
  POLLRDNORM,
} from '@sandbox/abi';
import { BytesIo, releaseFile, WaitEntry } from '@sandbox/vfs';
import { describe, expect, it } from 'vitest';
import { EpollFile, EpollWatches, type EventSink } from '../../src/files/epoll/epoll.js';
import { EventFile } from '../../src/files/event/eventfd.js';
import { AnonFs, AnonInode } from '../../src/process/files/anon-inode.js';
import { testEnvironment } from './environment.js';

const inode = new AnonInode(new AnonFs(testEnvironment(), 'anon_inodefs', 0), 0o600, 0, 0);
const watches = new EpollWatches();
const epoll = () => new EpollFile(inode, watches);
const eventfd = (initial = 0) => new EventFile(inode, 0, initial, false, 0);

function put(file: EventFile, value = 1): void {
  expect(file.write(new BytesIo(new Uint8Array([value, 0, 0, 0, 0, 0, 0, 0])))).toBe(8);
}
const drain = (file: EventFile) => file.read(new BytesIo(new Uint8Array(8)));

/** Collected events as [data, events] pairs. */
function collect(e: EpollFile, max = 10): [number, number][] {
  const found: [number, number][] = [];
  const sink: EventSink = {
    event(events, lo) {
      found.push([lo, events]);
      return true;
    },
  };
  e.collect(max, sink);
  return found;
}

describe('epoll', () => {
  it('reports level-triggered entries as long as they are ready, in turn', () => {
    const e = epoll();
    const files = [eventfd(1), eventfd(1), eventfd(1)];
    for (const [i, f] of files.entries()) expect(e.add(i, f, EPOLLIN, i, 0)).toBe(0);
    expect(collect(e, 2).map((x) => x[0])).toEqual([0, 1]);
    expect(collect(e, 2).map((x) => x[0])).toEqual([2, 0]);
    drain(files[1]);
    expect(collect(e).map((x) => x[0])).toEqual([2, 0]);
    for (const f of [files[0], files[2]]) drain(f);
    expect(collect(e)).toEqual([]);
    expect(e.hasReady).toBe(false);
  });

  it('reports edges once, and again at each further event', () => {
    const e = epoll();
    const f = eventfd();
    e.add(3, f, EPOLLIN | EPOLLET, 7, 0);
    expect(collect(e)).toEqual([]);
    put(f);
    expect(collect(e)).toEqual([[7, EPOLLIN]]);
    expect(collect(e)).toEqual([]);
    put(f);
    expect(collect(e)).toEqual([[7, EPOLLIN]]);
    e.modify(3, f, EPOLLIN | EPOLLET, 8, 0);
    expect(collect(e)).toEqual([[8, EPOLLIN]]);
  });

  it('disables one-shot entries until they are modified', () => {
    const e = epoll();
    const f = eventfd(1);
    e.add(3, f, EPOLLIN | EPOLLONESHOT, 7, 0);
    expect(collect(e)).toHaveLength(1);
    put(f);
    expect(collect(e)).toEqual([]);
    e.modify(3, f, EPOLLIN | EPOLLOUT, 7, 0);
    expect(collect(e)).toEqual([[7, EPOLLIN | EPOLLOUT]]);
  });

  it('forgets a description that is released, not one whose descriptor is', () => {
    const e = epoll();
    const f = eventfd(1);
    f.refs++;
    const before = watches.count;
    e.add(3, f, EPOLLIN, 1, 0);
    releaseFile(f);
    expect(collect(e)).toHaveLength(1);
    // The number may be used again for another description meanwhile.
    const g = eventfd(1);
    expect(e.add(3, g, EPOLLIN, 2, 0)).toBe(0);
    expect(e.add(3, g, EPOLLIN, 2, 0)).toBe(-EEXIST);
    expect(collect(e)).toHaveLength(2);
    releaseFile(f);
    expect(collect(e)).toEqual([[2, EPOLLIN]]);
    expect(e.remove(3, f)).toBe(-ENOENT);
    expect(e.remove(3, g)).toBe(0);
    expect(watches.count).toBe(before);
  });

  it('gives an exclusive event to one instance that has somebody waiting', () => {
    const f = eventfd();
    const instances = [epoll(), epoll(), epoll()];
    const woken: number[] = [];
    for (const [i, e] of instances.entries()) {
      e.add(3, f, EPOLLIN | EPOLLEXCLUSIVE, i, 0);
      const entry = new WaitEntry({
        onWake: () => {
          woken.push(i);
          return true;
        },
      });
      if (i > 0) e.waiters.add(entry, POLLIN, true);
    }
    put(f);
    expect(woken).toEqual([1]);
    expect(instances[1].modify(3, f, EPOLLIN, 0, 0)).toBe(-EINVAL);
  });

  it('watches other instances, not in a circle and not too deep', () => {
    const chain = Array.from({ length: 6 }, epoll);
    for (let i = 0; i < 4; i++) expect(chain[i + 1].add(i, chain[i], EPOLLIN, i, 0)).toBe(0);
    expect(chain[5].add(4, chain[4], EPOLLIN, 4, 0)).toBe(-ELOOP);
    expect(chain[0].add(9, chain[4], EPOLLIN, 4, 0)).toBe(-ELOOP);
    expect(chain[0].add(9, chain[1], EPOLLIN, 4, 0)).toBe(-ELOOP);
    const f = eventfd();
    chain[0].add(5, f, EPOLLIN, 5, 0);
    expect(chain[4].poll()).toBe(0);
    put(f);
    expect(chain[4].poll()).toBe(POLLIN | POLLRDNORM);
    expect(collect(chain[4])).toEqual([[3, EPOLLIN]]);
    drain(f);
    expect(chain[4].poll()).toBe(0);
  });

  it('limits how many instances one event can reach', () => {
    const f = eventfd();
    const low = epoll();
    low.add(1, f, EPOLLIN, 1, 0);
    let r = 0;
    let n = 0;
    while (r === 0 && n < 2000) {
      r = epoll().add(2, low, EPOLLIN, 1, 0);
      if (r === 0) n++;
    }
    expect(r).toBe(-EINVAL);
    expect(n).toBe(500);
  });

  it('tells those who wait in the order of Linux: the last entry first', () => {
    const e = epoll();
    const f = eventfd();
    for (const fd of [1, 2, 3]) e.add(fd, f, EPOLLIN, fd, 0);
    put(f);
    expect(collect(e).map((x) => x[0])).toEqual([3, 2, 1]);
  });
});
