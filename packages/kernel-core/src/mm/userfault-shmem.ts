import { CHUNK_SIZE, type Mappable, TmpfsRegular } from '@sandbox/vfs';
import type { GuestStore } from './guest-store.js';
import { SharedAnon } from './shared-anon.js';

const PAGE = 4096;
const ZEROS = Buffer.alloc(PAGE);
const vec = new Uint8Array(1);

/** Memory whose pages have no other home (Linux: vma_is_shmem). */
export type Shmem = TmpfsRegular | SharedAnon;

export function isShmem(mappable: Mappable | null): mappable is Shmem {
  return mappable instanceof TmpfsRegular || mappable instanceof SharedAnon;
}

/**
 * Has somebody written or touched page `index`? Places are given to pages ahead of that, but hold no host
 * memory then.
 */
export function holdsPage(store: GuestStore, shmem: Shmem, index: number): boolean {
  const offset = shmem.placeOf(index);
  return offset >= 0 && isResident(store, offset);
}

export function isResident(store: GuestStore, offset: number): boolean {
  store.resident(offset, PAGE, vec, 0);
  return vec[0] === 1;
}

export function isEmpty(store: GuestStore, offset: number): boolean {
  const at = offset % CHUNK_SIZE;
  return ZEROS.compare(store.chunk(offset), at, at + PAGE) === 0;
}
