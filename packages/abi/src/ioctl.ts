/**
 * ioctl request numbers: terminals, generic file requests, block devices, file system flags, random,
 * namespaces. Network interface requests are in netdevice.ts.
 *
 * Mirrors asm-generic/ioctls.h, asm-generic/ioctl.h, linux/fs.h, linux/random.h, linux/fiemap.h,
 * linux/nsfs.h; man 2 ioctl, ioctl_tty, ioctl_fs, ioctl_ns, man 4 random.
 */

// Fields of a request number.
export const _IOC_NRBITS = 8;
export const _IOC_TYPEBITS = 8;
export const _IOC_SIZEBITS = 14;
export const _IOC_DIRBITS = 2;
export const _IOC_NRMASK = 0xff;
export const _IOC_TYPEMASK = 0xff;
export const _IOC_SIZEMASK = 0x3fff;
export const _IOC_DIRMASK = 0x3;
export const _IOC_NRSHIFT = 0;
export const _IOC_TYPESHIFT = 8;
export const _IOC_SIZESHIFT = 16;
export const _IOC_DIRSHIFT = 30;
export const _IOC_NONE = 0;
export const _IOC_WRITE = 1;
export const _IOC_READ = 2;
export const IOC_IN = 0x40000000;
export const IOC_OUT = 0x80000000;
export const IOC_INOUT = 0xc0000000;

// Terminals.
export const TCGETS = 0x5401;
export const TCSETS = 0x5402;
export const TCSETSW = 0x5403;
export const TCSETSF = 0x5404;
export const TCGETA = 0x5405;
export const TCSETA = 0x5406;
export const TCSETAW = 0x5407;
export const TCSETAF = 0x5408;
export const TCSBRK = 0x5409;
export const TCXONC = 0x540a;
export const TCFLSH = 0x540b;
export const TCSBRKP = 0x5425;
export const TCGETS2 = 0x802c542a;
export const TCSETS2 = 0x402c542b;
export const TCSETSW2 = 0x402c542c;
export const TCSETSF2 = 0x402c542d;
export const TCGETX = 0x5432;
export const TCSETX = 0x5433;
export const TCSETXF = 0x5434;
export const TCSETXW = 0x5435;
export const TIOCEXCL = 0x540c;
export const TIOCNXCL = 0x540d;
export const TIOCSCTTY = 0x540e;
export const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
export const TIOCOUTQ = 0x5411;
export const TIOCSTI = 0x5412;
export const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
export const TIOCMGET = 0x5415;
export const TIOCMBIS = 0x5416;
export const TIOCMBIC = 0x5417;
export const TIOCMSET = 0x5418;
export const TIOCGSOFTCAR = 0x5419;
export const TIOCSSOFTCAR = 0x541a;
export const TIOCINQ = 0x541b;
export const TIOCLINUX = 0x541c;
export const TIOCCONS = 0x541d;
export const TIOCGSERIAL = 0x541e;
export const TIOCSSERIAL = 0x541f;
export const TIOCPKT = 0x5420;
export const TIOCNOTTY = 0x5422;
export const TIOCSETD = 0x5423;
export const TIOCGETD = 0x5424;
export const TIOCSBRK = 0x5427;
export const TIOCCBRK = 0x5428;
export const TIOCGSID = 0x5429;
export const TIOCGRS485 = 0x542e;
export const TIOCSRS485 = 0x542f;
export const TIOCGPTN = 0x80045430;
export const TIOCSPTLCK = 0x40045431;
export const TIOCGDEV = 0x80045432;
export const TIOCSIG = 0x40045436;
export const TIOCVHANGUP = 0x5437;
export const TIOCGPKT = 0x80045438;
export const TIOCGPTLCK = 0x80045439;
export const TIOCGEXCL = 0x80045440;
export const TIOCGPTPEER = 0x5441;
export const TIOCGISO7816 = 0x80285442;
export const TIOCSISO7816 = 0xc0285443;
export const TIOCSERCONFIG = 0x5453;
export const TIOCSERGWILD = 0x5454;
export const TIOCSERSWILD = 0x5455;
export const TIOCGLCKTRMIOS = 0x5456;
export const TIOCSLCKTRMIOS = 0x5457;
export const TIOCSERGSTRUCT = 0x5458;
export const TIOCSERGETLSR = 0x5459;
export const TIOCSERGETMULTI = 0x545a;
export const TIOCSERSETMULTI = 0x545b;
export const TIOCMIWAIT = 0x545c;
export const TIOCGICOUNT = 0x545d;

// Packet mode status bits of TIOCPKT.
export const TIOCPKT_DATA = 0;
export const TIOCPKT_FLUSHREAD = 1;
export const TIOCPKT_FLUSHWRITE = 2;
export const TIOCPKT_STOP = 4;
export const TIOCPKT_START = 8;
export const TIOCPKT_NOSTOP = 16;
export const TIOCPKT_DOSTOP = 32;
export const TIOCPKT_IOCTL = 64;

// Modem lines of TIOCMGET.
export const TIOCM_LE = 0x1;
export const TIOCM_DTR = 0x2;
export const TIOCM_RTS = 0x4;
export const TIOCM_ST = 0x8;
export const TIOCM_SR = 0x10;
export const TIOCM_CTS = 0x20;
export const TIOCM_CAR = 0x40;
export const TIOCM_RNG = 0x80;
export const TIOCM_DSR = 0x100;
export const TIOCM_CD = TIOCM_CAR;
export const TIOCM_RI = TIOCM_RNG;
export const TIOCM_OUT1 = 0x2000;
export const TIOCM_OUT2 = 0x4000;
export const TIOCM_LOOP = 0x8000;

// Any descriptor.
export const FIONREAD = 0x541b;
export const FIONBIO = 0x5421;
export const FIOASYNC = 0x5452;
export const FIONCLEX = 0x5450;
export const FIOCLEX = 0x5451;
export const FIOQSIZE = 0x5460;

// Block devices.
export const BLKROSET = 0x125d;
export const BLKROGET = 0x125e;
export const BLKRRPART = 0x125f;
export const BLKGETSIZE = 0x1260;
export const BLKFLSBUF = 0x1261;
export const BLKRASET = 0x1262;
export const BLKRAGET = 0x1263;
export const BLKFRASET = 0x1264;
export const BLKFRAGET = 0x1265;
export const BLKSECTSET = 0x1266;
export const BLKSECTGET = 0x1267;
export const BLKSSZGET = 0x1268;
export const BLKBSZGET = 0x80081270;
export const BLKBSZSET = 0x40081271;
export const BLKTRACESTART = 0x1274;
export const BLKTRACESTOP = 0x1275;
export const BLKTRACETEARDOWN = 0x1276;
export const BLKDISCARD = 0x1277;
export const BLKIOMIN = 0x1278;
export const BLKIOOPT = 0x1279;
export const BLKALIGNOFF = 0x127a;
export const BLKPBSZGET = 0x127b;
export const BLKDISCARDZEROES = 0x127c;
export const BLKSECDISCARD = 0x127d;
export const BLKROTATIONAL = 0x127e;
export const BLKZEROOUT = 0x127f;
export const BLKGETDISKSEQ = 0x80081280;

// Files: block map, freezing, cloning.
export const FIBMAP = 0x1;
export const FIGETBSZ = 0x2;
export const FIFREEZE = 0xc0045877;
export const FITHAW = 0xc0045878;
export const FITRIM = 0xc0185879;
export const FICLONE = 0x40049409;
export const FICLONERANGE = 0x4020940d;
export const FIDEDUPERANGE = 0xc0189436;

// File system requests.
export const FS_IOC_SET_ENCRYPTION_POLICY = 0x800c6613;
export const FS_IOC_GET_ENCRYPTION_PWSALT = 0x40106614;
export const FS_IOC_GET_ENCRYPTION_POLICY = 0x400c6615;
export const FS_IOC_GET_ENCRYPTION_POLICY_EX = 0xc0096616;
export const FS_IOC_ADD_ENCRYPTION_KEY = 0xc0506617;
export const FS_IOC_REMOVE_ENCRYPTION_KEY = 0xc0406618;
export const FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS = 0xc0406619;
export const FS_IOC_GET_ENCRYPTION_KEY_STATUS = 0xc080661a;
export const FS_IOC_GET_ENCRYPTION_NONCE = 0x8010661b;
export const FS_IOC_GETFLAGS = 0x80086601;
export const FS_IOC_SETFLAGS = 0x40086602;
export const FS_IOC_GETVERSION = 0x80087601;
export const FS_IOC_SETVERSION = 0x40087602;
export const FS_IOC_FIEMAP = 0xc020660b;
export const FS_IOC_FSGETXATTR = 0x801c581f;
export const FS_IOC_FSSETXATTR = 0x401c5820;
export const FS_IOC_GETFSLABEL = 0x81009431;
export const FS_IOC_SETFSLABEL = 0x41009432;
export const FS_IOC_GETFSUUID = 0x80111500;
export const FS_IOC_GETFSSYSFSPATH = 0x80811501;

// FS_IOC_GETFLAGS inode flags.
export const FS_SECRM_FL = 0x1;
export const FS_UNRM_FL = 0x2;
export const FS_COMPR_FL = 0x4;
export const FS_SYNC_FL = 0x8;
export const FS_IMMUTABLE_FL = 0x10;
export const FS_APPEND_FL = 0x20;
export const FS_NODUMP_FL = 0x40;
export const FS_NOATIME_FL = 0x80;
export const FS_DIRTY_FL = 0x100;
export const FS_COMPRBLK_FL = 0x200;
export const FS_NOCOMP_FL = 0x400;
export const FS_ENCRYPT_FL = 0x800;
export const FS_BTREE_FL = 0x1000;
export const FS_INDEX_FL = 0x1000;
export const FS_IMAGIC_FL = 0x2000;
export const FS_JOURNAL_DATA_FL = 0x4000;
export const FS_NOTAIL_FL = 0x8000;
export const FS_DIRSYNC_FL = 0x10000;
export const FS_TOPDIR_FL = 0x20000;
export const FS_HUGE_FILE_FL = 0x40000;
export const FS_EXTENT_FL = 0x80000;
export const FS_VERITY_FL = 0x100000;
export const FS_EA_INODE_FL = 0x200000;
export const FS_EOFBLOCKS_FL = 0x400000;
export const FS_NOCOW_FL = 0x800000;
export const FS_DAX_FL = 0x2000000;
export const FS_INLINE_DATA_FL = 0x10000000;
export const FS_PROJINHERIT_FL = 0x20000000;
export const FS_CASEFOLD_FL = 0x40000000;
export const FS_RESERVED_FL = 0x80000000;

// FS_IOC_FSGETXATTR flags.
export const FS_XFLAG_REALTIME = 0x1;
export const FS_XFLAG_PREALLOC = 0x2;
export const FS_XFLAG_IMMUTABLE = 0x8;
export const FS_XFLAG_APPEND = 0x10;
export const FS_XFLAG_SYNC = 0x20;
export const FS_XFLAG_NOATIME = 0x40;
export const FS_XFLAG_NODUMP = 0x80;
export const FS_XFLAG_RTINHERIT = 0x100;
export const FS_XFLAG_PROJINHERIT = 0x200;
export const FS_XFLAG_NOSYMLINKS = 0x400;
export const FS_XFLAG_EXTSIZE = 0x800;
export const FS_XFLAG_EXTSZINHERIT = 0x1000;
export const FS_XFLAG_NODEFRAG = 0x2000;
export const FS_XFLAG_FILESTREAM = 0x4000;
export const FS_XFLAG_DAX = 0x8000;
export const FS_XFLAG_COWEXTSIZE = 0x10000;
export const FS_XFLAG_HASATTR = 0x80000000;

// Extent map.
export const FIEMAP_MAX_OFFSET = { lo: 0xffffffff, hi: 0xffffffff } as const;
export const FIEMAP_FLAG_SYNC = 0x1;
export const FIEMAP_FLAG_XATTR = 0x2;
export const FIEMAP_FLAG_CACHE = 0x4;
export const FIEMAP_FLAGS_COMPAT = 3;
export const FIEMAP_EXTENT_LAST = 0x1;
export const FIEMAP_EXTENT_UNKNOWN = 0x2;
export const FIEMAP_EXTENT_DELALLOC = 0x4;
export const FIEMAP_EXTENT_ENCODED = 0x8;
export const FIEMAP_EXTENT_DATA_ENCRYPTED = 0x80;
export const FIEMAP_EXTENT_NOT_ALIGNED = 0x100;
export const FIEMAP_EXTENT_DATA_INLINE = 0x200;
export const FIEMAP_EXTENT_DATA_TAIL = 0x400;
export const FIEMAP_EXTENT_UNWRITTEN = 0x800;
export const FIEMAP_EXTENT_MERGED = 0x1000;
export const FIEMAP_EXTENT_SHARED = 0x2000;

// Random devices.
export const RNDGETENTCNT = 0x80045200;
export const RNDADDTOENTCNT = 0x40045201;
export const RNDGETPOOL = 0x80085202;
export const RNDADDENTROPY = 0x40085203;
export const RNDZAPENTCNT = 0x5204;
export const RNDCLEARPOOL = 0x5206;
export const RNDRESEEDCRNG = 0x5207;

// Namespaces.
export const NS_GET_USERNS = 0xb701;
export const NS_GET_PARENT = 0xb702;
export const NS_GET_NSTYPE = 0xb703;
export const NS_GET_OWNER_UID = 0xb704;
export const NS_GET_MNTNS_ID = 0x8008b705;
export const NS_GET_PID_FROM_PIDNS = 0x8004b706;
export const NS_GET_TGID_FROM_PIDNS = 0x8004b707;
export const NS_GET_PID_IN_PIDNS = 0x8004b708;
export const NS_GET_TGID_IN_PIDNS = 0x8004b709;
export const NS_MNT_GET_INFO = 0x8010b70a;
export const NS_MNT_GET_NEXT = 0x8010b70b;
export const NS_MNT_GET_PREV = 0x8010b70c;

/** `struct fsxattr`. */
export const FSXATTR = {
  SIZE: 28,
  fsx_xflags: 0,
  fsx_extsize: 4,
  fsx_nextents: 8,
  fsx_projid: 12,
  fsx_cowextsize: 16,
} as const;

/** `struct file_clone_range`. */
export const FILE_CLONE_RANGE = {
  SIZE: 32,
  src_fd: 0,
  src_offset: 8,
  src_length: 16,
  dest_offset: 24,
} as const;

/** `struct fiemap`. SIZE is the header. */
export const FIEMAP = {
  SIZE: 32,
  fm_start: 0,
  fm_length: 8,
  fm_flags: 16,
  fm_mapped_extents: 20,
  fm_extent_count: 24,
  fm_extents: 32,
} as const;

/** `struct fiemap_extent`. */
export const FIEMAP_EXTENT = {
  SIZE: 56,
  fe_logical: 0,
  fe_physical: 8,
  fe_length: 16,
  fe_flags: 40,
} as const;
