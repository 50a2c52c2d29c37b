import {
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_LARGEFILE,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  O_TRUNC,
  O_WRONLY,
} from '@sandbox/abi';

/** Node's flag strings (fs, "File system flags") as O_*. */
const MODES: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  'r+': O_RDWR,
  'rs+': O_RDWR | O_SYNC,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  'wx+': O_RDWR | O_CREAT | O_TRUNC | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
  as: O_WRONLY | O_CREAT | O_APPEND | O_SYNC,
  'a+': O_RDWR | O_CREAT | O_APPEND,
  'ax+': O_RDWR | O_CREAT | O_APPEND | O_EXCL,
  'as+': O_RDWR | O_CREAT | O_APPEND | O_SYNC,
};

/** Flags of open: a string as in Node, or O_* bits. Throws a TypeError for an unknown string. */
export type OpenMode = string | number;

export function openFlagsOf(mode: OpenMode): number {
  if (typeof mode === 'number') return mode | O_LARGEFILE;
  const flags = MODES[mode];
  if (flags === undefined) throw new TypeError(`unknown file system flag '${mode}'`);
  return flags | O_LARGEFILE;
}
