/**
 * What a header of a tar archive has no room for (pax(1), "pax Extended Header"). Byte strings in, bytes out.
 */

/** In front of the names of extended attributes. */
export const XATTR = 'SCHILY.xattr.';
/** Largest owner a header itself can say, and longest name. */
const MAX_ID = 0o7777777;
const MAX_NAME = 100;

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return length + rest;
}

/** Fits a plain header: ASCII, and short. */
export function isPlain(name: string): boolean {
  return name.length <= MAX_NAME && /^[\x20-\x7e]*$/.test(name);
}

export interface PaxFacts {
  readonly path: string;
  readonly linkpath: string;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  readonly xattrs: readonly (readonly [name: string, value: Uint8Array])[];
}

/** The records an entry needs, in bytes. */
export function paxRecords(facts: PaxFacts): Uint8Array {
  const { path, linkpath, uid, gid, mtimeSec, mtimeNsec } = facts;
  let all = '';
  if (!isPlain(path)) all += record('path', path);
  if (!isPlain(linkpath)) all += record('linkpath', linkpath);
  if (uid > MAX_ID) all += record('uid', String(uid));
  if (gid > MAX_ID) all += record('gid', String(gid));
  if (mtimeNsec !== 0 || mtimeSec < 0) all += record('mtime', decimal(mtimeSec, mtimeNsec));
  for (const [name, value] of facts.xattrs)
    all += record(XATTR + name, Buffer.from(value).toString('latin1'));
  return Buffer.from(all, 'latin1');
}

/** Seconds with a fraction; before the epoch the fraction counts the other way. */
function decimal(sec: number, nsec: number): string {
  const [whole, part] = sec < 0 && nsec > 0 ? [sec + 1, 1e9 - nsec] : [sec, nsec];
  const sign = sec < 0 && whole === 0 ? '-' : '';
  return `${sign}${whole}.${String(part).padStart(9, '0')}`;
}
