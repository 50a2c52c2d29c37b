import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_HANDLE_FID,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  CAP_DAC_READ_SEARCH,
  EBADF,
  EFAULT,
  EINVAL,
  ENFILE,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  ESTALE,
  MAX_HANDLE_SZ,
  O_LARGEFILE,
  SYS_name_to_handle_at,
  SYS_open_by_handle_at,
} from '@sandbox/abi';
import {
  checkOpenFlags,
  HANDLE_BYTES,
  HANDLE_GEN_INO,
  handleOf,
  putHandle,
  VALID_OPEN_FLAGS,
} from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { installOpened } from './open.js';
import { resolveTarget } from './paths.js';

/** `struct file_handle`: handle_bytes, handle_type, then f_handle. */
const HEADER = 8;
const TWO32 = 4294967296;

/** name_to_handle_at(2) */
function sysNameToHandleAt(t: Task, a: SyscallArgs): number {
  const flags = a.u32(4);
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | AT_HANDLE_FID)) !== 0) return -EINVAL;
  const at = ((flags & AT_SYMLINK_FOLLOW) === 0 ? AT_SYMLINK_NOFOLLOW : 0) | (flags & AT_EMPTY_PATH);
  const target = resolveTarget(t, a.i32(0), a.u64(1), at);
  if (typeof target === 'number') return target;
  const { path, inode } = target;
  const { handles } = inode.fs;
  // To tell files apart any inode number will do.
  if (handles === null && (flags & AT_HANDLE_FID) === 0) return -EOPNOTSUPP;
  const addr = a.u64(2);
  const room = t.mm.load32(addr);
  if (room < 0) return -EFAULT;
  if (room > MAX_HANDLE_SZ) return -EINVAL;
  const { scratch, scratchView } = t.kernel;
  const fits = room >= HANDLE_BYTES;
  scratchView.setUint32(0, HANDLE_BYTES, true);
  const id = handleOf(inode);
  scratchView.setUint32(4, fits ? id.type : 255, true);
  putHandle(scratchView, HEADER, id);
  // A memory file lies on no mount that could be named to open it again.
  if (fits && path !== null) handles?.note(path.dentry);
  if (t.mm.store32(a.u64(3), path?.mount.id ?? 0) < 0) return -EFAULT;
  if (t.mm.copyOut(addr, scratch, 0, HEADER + (fits ? HANDLE_BYTES : 0)) !== 0) return -EFAULT;
  return fits ? 0 : -EOVERFLOW;
}

/** open_by_handle_at(2) */
function sysOpenByHandleAt(t: Task, a: SyscallArgs): number {
  if (t.wait.file !== null) return installOpened(t, t.wait.file, a.i32(2));
  if (!t.cred.capable(CAP_DAC_READ_SEARCH)) return -EPERM;
  const dirfd = a.i32(0);
  const place = dirfd === AT_FDCWD ? t.fs.cwd : (t.files.get(dirfd)?.path ?? null);
  if (place === null) return -EBADF;
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(a.u64(1), scratch, 0, HEADER) !== 0) return -EFAULT;
  const bytes = scratchView.getUint32(0, true);
  const type = scratchView.getInt32(4, true);
  if (bytes > MAX_HANDLE_SZ || bytes === 0) return -EINVAL;
  if (t.mm.copyIn(a.u64(1) + HEADER, scratch, HEADER, bytes) !== 0) return -EFAULT;
  if (type !== HANDLE_GEN_INO || bytes < HANDLE_BYTES || scratchView.getUint32(8, true) !== 0) return -ESTALE;
  const ino = scratchView.getUint32(12, true) + scratchView.getUint32(16, true) * TWO32;
  const flags = checkOpenFlags((a.i32(2) & VALID_OPEN_FLAGS) | O_LARGEFILE);
  if (flags < 0) return flags;
  const { vfs, limits } = t.kernel;
  if (vfs.openFiles >= limits.openFiles) return -ENFILE;
  const file = vfs.openByHandle(place.mount, ino, flags, t.cred);
  if (typeof file === 'number') return file === -EOPNOTSUPP ? -ESTALE : file;
  return installOpened(t, file, flags);
}

export const rows = [
  row(SYS_name_to_handle_at, 'name_to_handle_at', sysNameToHandleAt, [
    'dirfd',
    'path',
    'ptr',
    'ptr',
    { flags: { AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, AT_HANDLE_FID } },
  ]),
  row(SYS_open_by_handle_at, 'open_by_handle_at', sysOpenByHandleAt, ['fd', 'ptr', 'int'], {
    support: 'partial',
    note: 'tmpfs has handles; other file systems ESTALE. A directory is found while its name is cached',
  }),
];
