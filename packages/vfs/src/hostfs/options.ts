import { VfsError } from '../core/errors.js';
import { checkOptionNames } from '../core/option-names.js';

/**
 * A range of ids: `count` host ids from `host` on appear as guest ids from `guest` on (user_namespaces(7)).
 */
export interface IdRange {
  readonly host: number;
  readonly guest: number;
  readonly count: number;
}

export interface HostFsOptions {
  /** Refuse every change with EROFS. Default false. */
  readonly readOnly?: boolean;
  /** Show every file as this owner's; chown to anyone else is then refused. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** How host user ids appear; without it, as they are. Ids in no range appear as 65534. */
  readonly uidMap?: readonly IdRange[];
  readonly gidMap?: readonly IdRange[];
  /**
   * `host` (default): owners, modes and special files are the host's, as far as the embedder may set them;
   * only set-id bits are kept in an attribute of the file. `guest`: all of them are kept so
   * (`user.sandbox.attr`), and the host's files are ordinary ones of the embedder's: guests can chown and
   * make devices although the embedder could not. Needs a host file system with user attributes.
   */
  readonly metadata?: 'host' | 'guest';
  /**
   * `shared`: others change the directory too, so names and attributes are asked for again at each use, and
   * reads see changes at once. `exclusive`: nobody else does; what was seen once is trusted. Default
   * `shared`, and `exclusive` for the lower layers of an overlay, which must not change.
   */
  readonly cache?: 'exclusive' | 'shared';
  /** Bytes of file content kept in memory for files that are not mapped. Default 512 MiB. */
  readonly cacheLimit?: number;
  /** Host descriptors kept open at most, apart from deleted files still in use. Default 64. */
  readonly maxHostFds?: number;
}

/** `HostFsOptions` with defaults, checked. */
export interface HostFsSettings {
  readonly directory: string;
  readonly readOnly: boolean;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly uidMap: readonly IdRange[] | null;
  readonly gidMap: readonly IdRange[] | null;
  readonly exclusive: boolean;
  readonly guestMetadata: boolean;
  readonly cacheLimit: number;
  readonly maxHostFds: number;
}

const NAMES: Record<keyof HostFsOptions, true> = {
  readOnly: true,
  owner: true,
  uidMap: true,
  gidMap: true,
  metadata: true,
  cache: true,
  cacheLimit: true,
  maxHostFds: true,
};

const OVERFLOW_ID = 65534;
const MAX_ID = 0xffff_fffe;

/** Check options and fill in defaults. Throws `VfsError` (ERR_VFS_INVALID_OPTION). */
export function hostFsSettings(directory: string, options: HostFsOptions): HostFsSettings {
  if (typeof directory !== 'string' || directory.length === 0 || directory.includes('\0')) {
    throw invalid('directory', 'a non-empty path without NUL bytes');
  }
  const {
    readOnly = false,
    owner,
    uidMap,
    gidMap,
    cache,
    metadata,
  } = checkOptionNames('hostfs', options, NAMES);
  if (typeof readOnly !== 'boolean') throw invalid('readOnly', 'true or false');
  if (owner !== undefined && !(isId(owner?.uid) && isId(owner?.gid)))
    throw invalid('owner', 'a uid and a gid');
  if (owner !== undefined && (uidMap ?? gidMap) !== undefined)
    throw invalid('owner', 'alone, without uidMap and gidMap');
  if (metadata !== undefined && metadata !== 'host' && metadata !== 'guest')
    throw invalid('metadata', "'host' or 'guest'");
  if (metadata === 'guest' && owner !== undefined) throw invalid('owner', "left out with metadata 'guest'");
  if (cache !== undefined && cache !== 'exclusive' && cache !== 'shared')
    throw invalid('cache', "'exclusive' or 'shared'");
  return {
    directory,
    readOnly,
    owner: owner ?? null,
    uidMap: checkedMap('uidMap', uidMap),
    gidMap: checkedMap('gidMap', gidMap),
    exclusive: cache === 'exclusive',
    guestMetadata: metadata === 'guest',
    cacheLimit: checkedCount('cacheLimit', options.cacheLimit ?? 512 * 1024 * 1024, 0),
    maxHostFds: checkedCount('maxHostFds', options.maxHostFds ?? 64, 8),
  };
}

function invalid(option: string, wanted: string): VfsError {
  return new VfsError('ERR_VFS_INVALID_OPTION', `hostfs: ${option} must be ${wanted}`);
}

function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= MAX_ID;
}

function checkedCount(option: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) throw invalid(option, `an integer of at least ${least}`);
  return value;
}

function checkedMap(option: string, map: readonly IdRange[] | undefined): readonly IdRange[] | null {
  if (map === undefined) return null;
  if (!Array.isArray(map)) throw invalid(option, 'a list of ranges');
  for (const r of map as readonly IdRange[]) {
    if (!isId(r?.host) || !isId(r.guest) || !Number.isInteger(r.count) || r.count < 1) {
      throw invalid(option, 'ranges of { host, guest, count }');
    }
  }
  return map.map(({ host, guest, count }) => ({ host, guest, count }));
}

/** The guest's view of a host id. */
export function toGuestId(map: readonly IdRange[] | null, id: number): number {
  if (map === null) return id;
  for (const r of map) if (id >= r.host && id - r.host < r.count) return r.guest + (id - r.host);
  return OVERFLOW_ID;
}

/** The host id behind a guest's, or -1 when it has none. */
export function toHostId(map: readonly IdRange[] | null, id: number): number {
  if (map === null) return id;
  for (const r of map) if (id >= r.guest && id - r.guest < r.count) return r.host + (id - r.guest);
  return -1;
}
