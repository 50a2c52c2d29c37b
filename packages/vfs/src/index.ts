export { Dir, type DirOptions } from './api/dir.js';
export * from './api/file-handle.js';
export * from './api/fs-error.js';
export type { GlobOptions } from './api/glob.js';
export { BigIntStats, Dirent, type StatFs, Stats } from './api/stats.js';
export type { ReadStreamOptions, WriteStreamOptions } from './api/streams.js';
export type { PathLike } from './api/text.js';
export type { TimeLike } from './api/time-like.js';
export * from './api/tree.js';
export * from './api/vfs-promises.js';
export { waitReady } from './api/wait-ready.js';
export type { WatchEvent, WatchOptions } from './api/watch.js';
export { fsImage, isFsImage } from './archive/image.host.js';
export { type OciImage, type OciOptions, ociImage } from './archive/oci.host.js';
export { type TarOptions, tar } from './archive/tar.host.js';
export type { ArchiveSource } from './archive/tar-reader.js';
export { Acl, isAclName } from './core/acl.js';
export * from './core/credentials.js';
export * from './core/dentry.js';
export * from './core/directory-file.js';
export * from './core/errors.js';
export * from './core/file.js';
export * from './core/filesystem.js';
export * from './core/fs-context.js';
export * from './core/fs-setup.js';
export * from './core/handles.js';
export * from './core/heap-page-store.js';
export * from './core/inode.js';
export * from './core/io.js';
export * from './core/locks.js';
export * from './core/mappable.js';
export * from './core/mount.js';
export { type IdTable, MountIds } from './core/mount-ids.js';
export * from './core/notify-hub.js';
export * from './core/observer.js';
export * from './core/open-flags.js';
export { reconfigure } from './core/ops/mounts.js';
export { openPlace } from './core/ops/open.js';
export * from './core/ops/vfs.js';
export * from './core/page-store.js';
export * from './core/path.js';
export * from './core/path-file.js';
export * from './core/path-guard.js';
export * from './core/path-text.js';
export * from './core/permission.js';
export { setPropagation } from './core/propagation.js';
export * from './core/protection.js';
export { Dquot, type QuotaDefaults, QuotaKind, Quotas } from './core/quota.js';
export * from './core/special.js';
export * from './core/stat.js';
export * from './core/wait-queue.js';
export * from './core/walk.js';
export { type HostFsOptions, hostfs, type IdRange } from './hostfs/index.js';
export { type HttpFileOptions, httpFile } from './js/http-file.host.js';
export { jsfs } from './js/jsfs.js';
export { type LazyEntry, type LazyTreeOptions, lazyTree } from './js/lazy-tree.js';
export {
  type Answer,
  type JsDevice,
  type JsDirectory,
  type JsEntry,
  type JsFile,
  type JsFileHandlers,
  type JsIoctl,
  type JsMemory,
  type JsReadiness,
  type JsRequest,
  jsDevice,
  jsFile,
} from './js/ops.js';
export { type MemfsOptions, memfs } from './memfs/memfs.js';
export type { NodeFs } from './memfs/source.js';
export { OverlayConfig } from './overlay/config.js';
export type { Change } from './overlay/diff.js';
export { mountOverlay, type NamedPlace, UpperUse } from './overlay/mounted.js';
export { OverlayFileSystem, type OverlayOptions, overlay } from './overlay/overlay.js';
export * from './synthetic/directory.js';
export * from './synthetic/file.js';
export * from './synthetic/filesystem.js';
export * from './synthetic/inode.js';
export * from './synthetic/links.js';
export * from './tmpfs/regular.js';
export * from './tmpfs/tmpfs.js';
