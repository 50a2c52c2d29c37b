/** Structures of files and terminals, shortened where strace(1) shortens them. */
import {
  FLOCK,
  S_IFBLK,
  S_IFCHR,
  S_IFMT,
  S_ISGID,
  S_ISUID,
  S_ISVTX,
  STAT,
  STATFS,
  STATX,
  STATX_BASIC_STATS,
  TERMIOS,
  WINSIZE,
} from '@sandbox/abi';
import { at, type Call, num64, s64, u64 } from './call.js';
import { baseAndBits, bits, except, hex, list, type Names, named, oneOf } from './names.js';

const ACCESS = list({ O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2 });
const OPEN = named(
  'O_',
  except('O_ACCMODE', 'O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_NDELAY', 'O_SYNC', 'O_TMPFILE'),
);

/** Flags of open(2) and F_GETFL. */
export const openFlags = (value: number): string => baseAndBits(ACCESS, 3, OPEN, value);

const FILE_TYPES = named('S_IF', except('S_IFMT'));
const SPECIAL_BITS = list({ S_ISUID, S_ISGID, S_ISVTX });

/** Permissions, with the file's type when there is one. */
export function mode(value: number): string {
  const parts: string[] = [];
  if ((value & S_IFMT) !== 0) parts.push(oneOf(FILE_TYPES, value & S_IFMT));
  for (const [name, bit] of SPECIAL_BITS) if ((value & bit) !== 0) parts.push(name);
  parts.push(permissions(value & 0o777));
  return parts.join('|');
}

/** Octal with its zero, three digits at least. */
function permissions(value: number): string {
  return `0${value.toString(8)}`.padStart(3, '0');
}

/** Bits of a mode argument: no type, special bits by name only with one. */
export function plainMode(value: number): string {
  return (value & S_IFMT) !== 0 ? mode(value) : permissions(value);
}

/** makedev of a 64-bit st_rdev as stat(2) encodes it. */
function device(low: number): string {
  const major = (low >>> 8) & 0xfff;
  const minor = ((low & 0xff) | ((low >>> 12) & 0xfff00)) >>> 0;
  return `makedev(${hex(major)}, ${hex(minor)})`;
}

function isDevice(value: number): boolean {
  const type = value & S_IFMT;
  return type === S_IFCHR || type === S_IFBLK;
}

export const stat = at(STAT.SIZE, (v) => {
  const m = v.getUint32(STAT.st_mode, true);
  const what = isDevice(m)
    ? `st_rdev=${device(v.getUint32(STAT.st_rdev, true))}`
    : `st_size=${s64(v, STAT.st_size)}`;
  return `{st_mode=${mode(m)}, ${what}, ...}`;
});

const STATX_FIELDS = named(
  'STATX_',
  (name) =>
    name !== 'STATX_ALL' &&
    name !== 'STATX_BASIC_STATS' &&
    name !== 'STATX__RESERVED' &&
    !name.startsWith('STATX_ATTR_'),
);
const STATX_ATTRIBUTES = named('STATX_ATTR_');

/** What is wanted of or known from statx. */
export function statxMask(value: number): string {
  if ((value & STATX_BASIC_STATS) !== STATX_BASIC_STATS) return bits(STATX_FIELDS, value);
  const rest = (value & ~STATX_BASIC_STATS) >>> 0;
  return rest === 0 ? 'STATX_BASIC_STATS' : `STATX_BASIC_STATS|${bits(STATX_FIELDS, rest)}`;
}

export const statx = at(STATX.SIZE, (v) => {
  const mask = statxMask(v.getUint32(STATX.stx_mask, true));
  const attributes = bits(STATX_ATTRIBUTES, v.getUint32(STATX.stx_attributes, true));
  const m = mode(v.getUint16(STATX.stx_mode, true));
  return `{stx_mask=${mask}, stx_attributes=${attributes}, stx_mode=${m}, stx_size=${u64(v, STATX.stx_size)}, ...}`;
});

const FS_MAGIC = named('', (name) => /_MAGIC(_V1)?$/.test(name));
const MOUNT_BITS = named('ST_', except('ST_WRITE', 'ST_APPEND', 'ST_IMMUTABLE'));

export const statfs = at(STATFS.SIZE, (v) => {
  const field = (name: 'f_bsize' | 'f_blocks' | 'f_bfree' | 'f_bavail' | 'f_files' | 'f_ffree'): string =>
    `${name}=${u64(v, STATFS[name])}`;
  const sizes = (['f_bsize', 'f_blocks', 'f_bfree', 'f_bavail', 'f_files', 'f_ffree'] as const).map(field);
  const fsid = [0, 4].map((k) => hex(v.getUint32(STATFS.f_fsid + k, true)).replace(/^0x0$/, '0'));
  return `{f_type=${oneOf(FS_MAGIC, num64(v, STATFS.f_type))}, ${sizes.join(', ')}, f_fsid={val=[${fsid.join(', ')}]}, f_namelen=${u64(v, STATFS.f_namelen)}, f_frsize=${u64(v, STATFS.f_frsize)}, f_flags=${bits(MOUNT_BITS, v.getUint32(STATFS.f_flags, true))}}`;
});

const LOCK_TYPES: Names = [
  ['F_RDLCK', 0],
  ['F_WRLCK', 1],
  ['F_UNLCK', 2],
];
export const SEEK = named('SEEK_', except('SEEK_MAX'));

/** A lock; its owner only when the kernel told it. */
export const flock = (withPid: boolean) =>
  at(FLOCK.SIZE, (v) => {
    const type = oneOf(LOCK_TYPES, v.getInt16(FLOCK.l_type, true));
    const whence = oneOf(SEEK, v.getInt16(FLOCK.l_whence, true));
    const pid = withPid ? `, l_pid=${v.getInt32(FLOCK.l_pid, true)}` : '';
    return `{l_type=${type}, l_whence=${whence}, l_start=${s64(v, FLOCK.l_start)}, l_len=${s64(v, FLOCK.l_len)}${pid}}`;
  });

const INPUT = list({
  ...pick('IGNBRK BRKINT IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IUCLC IXON IXANY IXOFF IMAXBEL IUTF8'),
});
const OUTPUT = list({ ...pick('OPOST OLCUC ONLCR OCRNL ONOCR ONLRET OFILL OFDEL') });
const CONTROL = list({ ...pick('CSTOPB CREAD PARENB PARODD HUPCL CLOCAL CMSPAR CRTSCTS') });
const LOCAL = list({
  ...pick(
    'ISIG ICANON XCASE ECHO ECHOE ECHOK ECHONL NOFLSH TOSTOP ECHOCTL ECHOPRT ECHOKE FLUSHO PENDIN IEXTEN',
  ),
});
const SPEEDS = named('B', (name) => /^B\d+$/.test(name));
const CBAUD = 0o10017;
const CSIZE = 0o60;

function pick(names: string): Record<string, number> {
  const wanted = new Set(names.split(' '));
  return Object.fromEntries(named('', (name) => wanted.has(name)));
}

export const termios = at(TERMIOS.SIZE, (v) => {
  const control = v.getUint32(TERMIOS.c_cflag, true);
  const size = `CS${5 + ((control & CSIZE) >> 4)}`;
  const cflag = [oneOf(SPEEDS, control & CBAUD), size, bits(CONTROL, control & ~CBAUD & ~CSIZE, '')].filter(
    Boolean,
  );
  const iflag = bits(INPUT, v.getUint32(TERMIOS.c_iflag, true));
  const oflag = bits(OUTPUT, v.getUint32(TERMIOS.c_oflag, true));
  const lflag = bits(LOCAL, v.getUint32(TERMIOS.c_lflag, true));
  return `{c_iflag=${iflag}, c_oflag=${oflag}, c_cflag=${cflag.join('|')}, c_lflag=${lflag}, ...}`;
});

export const winsize = at(WINSIZE.SIZE, (v) => {
  const field = (name: 'ws_row' | 'ws_col' | 'ws_xpixel' | 'ws_ypixel'): string =>
    `${name}=${v.getUint16(WINSIZE[name], true)}`;
  return `{${(['ws_row', 'ws_col', 'ws_xpixel', 'ws_ypixel'] as const).map(field).join(', ')}}`;
});

/** Entries in what getdents64 (`reclenAt` 16) or getdents (16 too) filled. */
export function dirents(c: Call, i: number): string {
  const bytes = c.bytes(c.u64(i), c.result);
  if (bytes === null) return hex(c.u64(i));
  const view = new DataView(bytes.buffer);
  let count = 0;
  for (let offset = 0; offset + 18 <= bytes.length; count++) {
    const length = view.getUint16(offset + 16, true);
    if (length === 0) break;
    offset += length;
  }
  return `${hex(c.u64(i))} /* ${count} entries */`;
}
