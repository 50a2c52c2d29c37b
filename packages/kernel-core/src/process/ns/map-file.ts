import { CAP_SETFCAP, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, EINVAL, EPERM } from '@sandbox/abi';
import type { Cred } from '../cred/cred.js';
import type { IdMap, IdRange, UserNamespace } from './user-ns.js';

/** Lines uid_map and gid_map may have, and bytes. */
const MAX_LINES = 340;
const PAGE = 4096;
const LAST_ID = 0xffffffff;

/** /proc/PID/uid_map and its kin: `map` of `ns` as the reader, in `reader`, spells outer ids. */
export function mapText(
  ns: UserNamespace,
  which: 'uids' | 'gids' | 'projids',
  reader: UserNamespace,
): string {
  const map = ns[which];
  // One's own map is told in the ids of the namespace above.
  const outside = (reader === ns && ns.parent !== null ? ns.parent : reader)[which];
  const ranges = map.ranges ?? [{ inner: 0, outer: 0, count: LAST_ID }];
  return ranges
    .map((r) => {
      const outer = outside.fromKernel(r.outer);
      return `${pad(r.inner)} ${pad(outer < 0 ? LAST_ID : outer)} ${pad(r.count)}\n`;
    })
    .join('');
}

function pad(n: number): string {
  return String(n).padStart(10);
}

function parse(text: string): IdRange[] | null {
  const ranges: IdRange[] = [];
  const lines = text.split('\n');
  if (lines[lines.length - 1] === '') lines.pop();
  for (const line of lines) {
    const m = /^\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*$/.exec(line);
    if (m === null) return null;
    const [inner, outer, count] = [Number(m[1]), Number(m[2]), Number(m[3])];
    if (count === 0 || inner + count > LAST_ID || outer + count > LAST_ID) return null;
    for (const r of ranges) {
      if (inner < r.inner + r.count && r.inner < inner + count) return null;
      if (outer < r.outer + r.count && r.outer < outer + count) return null;
    }
    ranges.push({ inner, outer, count });
  }
  return ranges.length === 0 || ranges.length > MAX_LINES ? null : ranges;
}

/**
 * Write a map, once (map_write, new_idmap_permitted). `writer`: who opened the file and writes. The bytes
 * taken, or -EPERM, -EINVAL.
 */
export function writeMap(
  ns: UserNamespace,
  which: 'uids' | 'gids' | 'projids',
  text: string,
  offset: number,
  writer: Cred,
): number {
  if (offset !== 0 || text.length >= PAGE) return -EINVAL;
  const { parent } = ns;
  if (parent === null) return -EPERM;
  if (writer.userNs !== ns && writer.userNs !== parent) return -EPERM;
  const map: IdMap = ns[which];
  if (map.ranges === null || map.ranges.length > 0) return -EPERM;
  const cap = which === 'uids' ? CAP_SETUID : CAP_SETGID;
  if (which !== 'projids' && !writer.capableIn(ns, CAP_SYS_ADMIN)) return -EPERM;
  const ranges = parse(text);
  if (ranges === null) return -EINVAL;
  if (!permitted(ns, which, ranges, cap, writer)) return -EPERM;
  const kernel: IdRange[] = [];
  for (const r of ranges) {
    const outer = parent[which].toKernel(r.outer);
    const last = parent[which].toKernel(r.outer + r.count - 1);
    if (outer < 0 || last !== outer + r.count - 1) return -EPERM;
    kernel.push({ inner: r.inner, outer, count: r.count });
  }
  map.ranges = kernel;
  return text.length;
}

function permitted(
  ns: UserNamespace,
  which: 'uids' | 'gids' | 'projids',
  ranges: readonly IdRange[],
  cap: number,
  writer: Cred,
): boolean {
  const parent = ns.parent!;
  // To have the id 0 of the namespace above inside would carry file capabilities over.
  if (
    which === 'uids' &&
    ranges.some((r) => r.outer === 0) &&
    writer.userNs !== ns &&
    !writer.capableIn(parent, CAP_SETFCAP)
  )
    return false;
  const [only] = ranges;
  // One line for oneself: everybody may, the group only once setgroups(2) is given up.
  if (ranges.length === 1 && only!.count === 1 && writer.euid === ns.ownerUid) {
    if (which === 'uids' && parent.uids.toKernel(only!.outer) === writer.euid) return true;
    if (which === 'gids' && !ns.setgroupsAllowed && parent.gids.toKernel(only!.outer) === writer.egid)
      return true;
  }
  return which === 'projids' || writer.capableIn(parent, cap);
}

/** /proc/PID/setgroups: 'allow' or 'deny'. The latter is for good, and only before gid_map is written. */
export function writeSetgroups(ns: UserNamespace, text: string, offset: number, writer: Cred): number {
  if (offset !== 0 || text.length >= 8) return -EINVAL;
  const word = text.trimEnd();
  if (word !== 'allow' && word !== 'deny') return -EINVAL;
  if (!writer.capableIn(ns, CAP_SYS_ADMIN)) return -EPERM;
  if (word === 'allow') return ns.setgroupsAllowed ? text.length : -EPERM;
  const { ranges } = ns.gids;
  if (ranges === null || ranges.length > 0) return -EPERM;
  ns.setgroupsAllowed = false;
  return text.length;
}
