import { EOPNOTSUPP, EPERM } from '@sandbox/abi';
import { hostGetxattr, hostLgetxattr, hostRemovexattr, hostSetxattr, xattrBytes } from '@sandbox/native';

/** Attributes with this prefix are ours: guests neither see nor set them. */
export const PRIVATE_PREFIX = 'user.sandbox.';
const NAME = `${PRIVATE_PREFIX}attr`;

/**
 * What a guest gave a file and the host is not to have: type and mode, owners, device number. Owners of -1
 * are as the host says. Kept on the file as "mode uid gid rdev", mode in octal.
 */
export interface GuestAttributes {
  mode: number;
  uid: number;
  gid: number;
  rdev: number;
}

/** The result of the last `readGuestAttributes` that found any. */
export const guestAttributes: GuestAttributes = { mode: 0, uid: -1, gid: -1, rdev: 0 };

/** Of the file a descriptor refers to. True when it has some. */
export function readGuestAttributes(fd: number): boolean {
  return parse(hostGetxattr(`/proc/self/fd/${fd}`, NAME));
}

/** Of `name` in the directory open as `dir`. */
export function readGuestAttributesAt(dir: number, name: string): boolean {
  return parse(hostLgetxattr(`/proc/self/fd/${dir}/${name}`, NAME));
}

function parse(length: number): boolean {
  if (length <= 0) return false;
  const m = /^([0-7]{1,6}) (-1|\d{1,10}) (-1|\d{1,10}) (\d{1,10})$/.exec(
    xattrBytes.toString('latin1', 0, length),
  );
  if (m === null) return false;
  guestAttributes.mode = Number.parseInt(m[1]!, 8);
  guestAttributes.uid = Number(m[2]);
  guestAttributes.gid = Number(m[3]);
  guestAttributes.rdev = Number(m[4]);
  return true;
}

/**
 * Keep them on the file open as `fd`. 0 or -errno: -EPERM where the host's file system keeps no attributes.
 */
export function writeGuestAttributes(fd: number, a: GuestAttributes): number {
  const text = `${a.mode.toString(8)} ${a.uid} ${a.gid} ${a.rdev}`;
  const r = hostSetxattr(`/proc/self/fd/${fd}`, NAME, Buffer.from(text), 0);
  return r === -EOPNOTSUPP ? -EPERM : r;
}

export function removeGuestAttributes(fd: number): void {
  hostRemovexattr(`/proc/self/fd/${fd}`, NAME);
}
