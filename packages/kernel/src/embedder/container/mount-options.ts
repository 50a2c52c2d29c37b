import {
  MS_DIRSYNC,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_SHARED,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
} from '@sandbox/abi';

/** What `options` of a mount come to. */
export interface ParsedMountOptions {
  /** MS_*, for the mount or for the file system. */
  readonly flags: number;
  /** MS_SHARED and its kin, with MS_REC; 0: none. */
  readonly propagation: number;
  /** The rest, for the file system. */
  readonly data: string;
}

/** mount(8): name, what it sets, what it clears. */
const FLAGS: Readonly<Record<string, readonly [number, number]>> = {
  ro: [MS_RDONLY, 0],
  rw: [0, MS_RDONLY],
  nosuid: [MS_NOSUID, 0],
  suid: [0, MS_NOSUID],
  nodev: [MS_NODEV, 0],
  dev: [0, MS_NODEV],
  noexec: [MS_NOEXEC, 0],
  exec: [0, MS_NOEXEC],
  noatime: [MS_NOATIME, MS_RELATIME | MS_STRICTATIME],
  atime: [0, MS_NOATIME],
  nodiratime: [MS_NODIRATIME, 0],
  diratime: [0, MS_NODIRATIME],
  relatime: [MS_RELATIME, MS_NOATIME | MS_STRICTATIME],
  norelatime: [0, MS_RELATIME],
  strictatime: [MS_STRICTATIME, MS_NOATIME | MS_RELATIME],
  nostrictatime: [0, MS_STRICTATIME],
  nosymfollow: [MS_NOSYMFOLLOW, 0],
  symfollow: [0, MS_NOSYMFOLLOW],
  sync: [MS_SYNCHRONOUS, 0],
  async: [0, MS_SYNCHRONOUS],
  dirsync: [MS_DIRSYNC, 0],
  defaults: [0, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS],
};

const PROPAGATION: Readonly<Record<string, number>> = {
  private: MS_PRIVATE,
  shared: MS_SHARED,
  slave: MS_SLAVE,
  unbindable: MS_UNBINDABLE,
  rprivate: MS_PRIVATE | MS_REC,
  rshared: MS_SHARED | MS_REC,
  rslave: MS_SLAVE | MS_REC,
  runbindable: MS_UNBINDABLE | MS_REC,
};

/** MS_SHARED and its kin for a name as mount(8) has it, with MS_REC; 0: it is none. */
export function propagationOf(name: string): number {
  return Object.hasOwn(PROPAGATION, name) ? PROPAGATION[name]! : 0;
}

/** Options as mount(8) takes them with -o, one each. */
export function parseMountOptions(options: readonly string[]): ParsedMountOptions {
  // What mount(2) does unless told otherwise.
  let flags = MS_RELATIME;
  let propagation = 0;
  const data: string[] = [];
  for (const option of options) {
    const flag = FLAGS[option];
    if (flag !== undefined) flags = (flags | flag[0]) & ~flag[1];
    else if (PROPAGATION[option] !== undefined) propagation = PROPAGATION[option];
    else data.push(option);
  }
  return { flags, propagation, data: data.join(',') };
}
