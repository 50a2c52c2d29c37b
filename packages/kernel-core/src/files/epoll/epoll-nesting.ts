import { EINVAL, ELOOP } from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import { EpollInstance, EpollItem } from './epoll-item.js';

/** Deepest chain of instances that watch each other (EP_MAX_NESTS). */
const MAX_NESTS = 4;
/** How many ways of each length may lead from one description up through instances (Linux: path_limits). */
const PATH_LIMITS = [1000, 500, 100, 50, 10] as const;

/** The instances that watch `file`. */
function* watchers(file: File): Generator<EpollInstance> {
  for (let l = file.releaseListeners; l !== null; l = l.nextListener)
    if (l instanceof EpollItem) yield l.epoll;
}

/** Instances below `epoll`: the longest chain, or -1 when `stop` is among them or it is too long. */
function depthBelow(
  epoll: EpollInstance,
  stop: EpollInstance,
  level: number,
  seen: Map<EpollInstance, number>,
): number {
  if (epoll === stop || level > MAX_NESTS) return -1;
  const known = seen.get(epoll);
  if (known !== undefined) return known;
  let depth = 0;
  for (const item of epoll.entries()) {
    if (!(item.file instanceof EpollInstance)) continue;
    const d = depthBelow(item.file, stop, level + 1, seen);
    if (d < 0) return -1;
    depth = Math.max(depth, d + 1);
  }
  seen.set(epoll, depth);
  return depth;
}

/** The longest chain of instances that watch `epoll`, not counted beyond the limit. */
function depthAbove(epoll: EpollInstance, level: number, seen: Map<EpollInstance, number>): number {
  if (level > MAX_NESTS) return 0;
  const known = seen.get(epoll);
  if (known !== undefined) return known;
  let depth = 0;
  for (const w of watchers(epoll)) depth = Math.max(depth, depthAbove(w, level + 1, seen) + 1);
  seen.set(epoll, depth);
  return depth;
}

/** May `epoll` watch `target`? 0, or -ELOOP: a circle, or more than five instances in a chain. */
export function loopCheck(epoll: EpollInstance, target: EpollInstance): number {
  const below = depthBelow(target, epoll, 0, new Map());
  if (below < 0) return -ELOOP;
  return depthAbove(epoll, 0, new Map()) + below + 1 > MAX_NESTS ? -ELOOP : 0;
}

/**
 * Does an event of `file` - or, of an instance that was just added, of any description below it - wake a
 * bearable number of instances? 0 or -EINVAL (Linux: reverse_path_check).
 */
export function pathCheck(file: File): number {
  const below = new Set<File>();
  gather(file, below);
  for (const f of below) if (!countPaths(f, 0, [0, 0, 0, 0, 0])) return -EINVAL;
  return 0;
}

/**
 * The descriptions that are no instances, from `file` down. The chain is short: `loopCheck` has been there.
 */
function gather(file: File, into: Set<File>): void {
  if (into.has(file)) return;
  if (!(file instanceof EpollInstance)) {
    into.add(file);
    return;
  }
  for (const item of file.entries()) gather(item.file, into);
}

function countPaths(file: File, level: number, counts: number[]): boolean {
  for (const w of watchers(file)) {
    // Any number of instances may watch a description directly.
    if (level > 0 && ++counts[level] > PATH_LIMITS[level]) return false;
    if (level < MAX_NESTS && !countPaths(w, level + 1, counts)) return false;
  }
  return true;
}
