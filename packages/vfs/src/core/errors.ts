/** Why a file system could not be built from its options: literal codes for `VfsError.code`. */
export type VfsErrorCode =
  | 'ERR_VFS_INVALID_OPTION'
  | 'ERR_VFS_HOST_DIRECTORY'
  | 'ERR_VFS_HOST_UNSUPPORTED'
  | 'ERR_VFS_SOURCE';

/** Thrown to embedders when a `FileSystemSpec` cannot be turned into a file system. */
export class VfsError extends Error {
  override readonly name = 'VfsError';

  constructor(
    readonly code: VfsErrorCode,
    message: string,
    /** Errno of the host call that failed, as a positive number; 0 when none did. */
    readonly errno = 0,
  ) {
    super(message);
  }
}
