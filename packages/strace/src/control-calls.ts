/** fcntl, ioctl, arch_prctl: one number decides what the other means. */
import { type Arg, type Call, now, pointer } from './call.js';
import { flock, openFlags, termios, winsize } from './file-structs.js';
import { ints } from './io-structs.js';
import { bits, hex, named, oneOf } from './names.js';
import { signalName } from './signal-structs.js';
import { userfaultfdArgument } from './userfaultfd-structs.js';

type Refinement = readonly (Arg | undefined)[];
const same = undefined;

const FCNTL = named('F_', (name) =>
  /^F_(DUPFD|GETFD|SETFD|GETFL|SETFL|GETLK|SETLK|SETOWN|GETOWN|SETSIG|GETSIG|OFD_|SETLEASE|GETLEASE|NOTIFY|SETPIPE|GETPIPE|ADD_SEALS|GET_SEALS|GET_RW|SET_RW|GET_FILE|SET_FILE|CREATED|CANCELLK)/.test(
    name,
  ),
);
const SEALS = named('F_SEAL_');
/** Commands by what their argument is. */
const NO_ARGUMENT = new Set([
  'F_GETFD',
  'F_GETFL',
  'F_GETOWN',
  'F_GETSIG',
  'F_GETLEASE',
  'F_GETPIPE_SZ',
  'F_GET_SEALS',
]);
const LOCK_SET = new Set(['F_SETLK', 'F_SETLKW', 'F_OFD_SETLK', 'F_OFD_SETLKW']);
const LOCK_GET = new Set(['F_GETLK', 'F_OFD_GETLK']);

const command = (c: Call): string => oneOf(FCNTL, c.i32(1));

const fcntlArgument: Arg = {
  late: true,
  print: (c, i) => {
    const name = command(c);
    if (NO_ARGUMENT.has(name)) return null;
    if (LOCK_SET.has(name)) return flock(false)(c, i);
    if (LOCK_GET.has(name)) return c.failed ? pointer(c.u64(i)) : flock(true)(c, i);
    switch (name) {
      case 'F_SETFD':
        return bits([['FD_CLOEXEC', 1]], c.u32(i));
      case 'F_SETFL':
        return openFlags(c.u32(i));
      case 'F_SETSIG':
        return signalName(c.i32(i));
      case 'F_ADD_SEALS':
        return bits(SEALS, c.u32(i));
      case 'F_DUPFD':
      case 'F_DUPFD_CLOEXEC':
      case 'F_SETOWN':
      case 'F_SETPIPE_SZ':
        return String(c.i32(i));
      default:
        return hex(c.u64(i));
    }
  },
};

const IOCTL = [
  ...named('TC', (name) => /^TC[GSX]|^TCFLSH|^TCSBRK/.test(name)),
  ...named('TIOC', (name) => !/^TIOC(M_|PKT_|INQ)/.test(name)),
  ...named('FIO', (name) => !/^FIO.*_/.test(name)),
  ...named('FI', (name) => /^FI(CLONE|DEDUPE|FREEZE|THAW|TRIM|BMAP|GETBSZ)/.test(name)),
  ...named('FS_IOC_'),
  ...named('BLK', (name) => !name.includes('_')),
  ...named('RND'),
  ...named('NS_GET_'),
  ...named('UFFDIO_', (name) => !/_MODE_|_STRUCT$|_RANGE$/.test(name)),
];
const request = (c: Call): string => oneOf(IOCTL, c.u32(1));

/** Requests by what their argument is. */
const GIVES_INT = new Set([
  'FIONREAD',
  'TIOCGPGRP',
  'TIOCGSID',
  'TIOCOUTQ',
  'TIOCGPTN',
  'TIOCGETD',
  'TIOCGPTLCK',
  'FIGETBSZ',
]);
const TAKES_INT = new Set(['FIONBIO', 'FIOASYNC', 'TIOCSPGRP', 'TIOCSPTLCK', 'TIOCPKT', 'TIOCSETD']);
const BARE = new Set(['FIOCLEX', 'FIONCLEX', 'TIOCNOTTY', 'TIOCEXCL', 'TIOCNXCL']);
const NUMBER = new Set(['TIOCSCTTY', 'TCFLSH', 'TCXONC', 'TCSBRK', 'TCSBRKP', 'FICLONE']);

const ioctlArgument: Arg = {
  late: true,
  print: (c, i) => {
    const name = request(c);
    if (BARE.has(name)) return null;
    if (name.startsWith('UFFDIO_')) return userfaultfdArgument(c, c.u32(1), c.u64(i)) ?? pointer(c.u64(i));
    if (NUMBER.has(name)) return String(c.i32(i));
    if (TAKES_INT.has(name)) return ints(c, c.u64(i), 1);
    if (/^TCSETS[FW]?$/.test(name)) return termios(c, i);
    if (name === 'TIOCSWINSZ') return winsize(c, i);
    if (c.failed) return pointer(c.u64(i));
    if (name === 'TCGETS') return termios(c, i);
    if (name === 'TIOCGWINSZ') return winsize(c, i);
    return GIVES_INT.has(name) ? ints(c, c.u64(i), 1) : pointer(c.u64(i));
  },
};

const ARCH = named('ARCH_', (name) => /^ARCH_(SET|GET)_|^ARCH_SHSTK_|^ARCH_REQ|^ARCH_MAP/.test(name));

export const controlCalls: Record<string, Refinement> = {
  fcntl: [same, now(command), fcntlArgument],
  ioctl: [same, now(request), ioctlArgument],
  arch_prctl: [now((c, i) => oneOf(ARCH, c.i32(i))), now((c, i) => pointer(c.u64(i)))],
};
