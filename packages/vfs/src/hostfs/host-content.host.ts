import { EINTR } from '@sandbox/abi';
import { hostPread, hostPwrite, TRANSFER_SIZE, transferAddress, transferBytes } from '@sandbox/native';
import { PageCache } from '../cache/page-cache.js';
import { CHUNK_SIZE } from '../core/page-store.js';
import type { HostRegular } from './host-regular.host.js';

/** Less than this is read rather than sent, which takes two calls. */
const SMALL = 16384;
/** Files from this size on are shared with other sandboxes. Smaller ones are not worth remembering. */
const SHARED_FROM = 16384;

/** The cached pages of a host file. */
export class HostContent extends PageCache {
  constructor(private readonly inode: HostRegular) {
    const { fs } = inode;
    const unchanging = fs.exclusive && fs.readOnly;
    super(
      fs.env.pages,
      fs.budget,
      !unchanging,
      unchanging && inode.size >= SHARED_FROM ? inode.contentKey : null,
    );
  }

  protected override get fileSize(): number {
    return this.inode.size;
  }

  protected override fillFrom(storeOffset: number, fileOffset: number, length: number): number {
    const fd = this.inode.readFd();
    if (fd < 0) return fd;
    const address = this.store.hostAddress(storeOffset);
    if (address === 0) return this.fillByCopy(fd, storeOffset, fileOffset, length);
    let done = length < SMALL ? 0 : this.fillByHost(fd, storeOffset, fileOffset, length);
    while (done < length) {
      const n = hostPread(fd, address + done, length - done, fileOffset + done);
      if (n === -EINTR) continue;
      if (n < 0) return n;
      if (n === 0) break;
      done += n;
    }
    return done;
  }

  /** The host copies by itself, as far as it can: bytes filled. Some file systems cannot at all. */
  private fillByHost(fd: number, storeOffset: number, fileOffset: number, length: number): number {
    let done = 0;
    while (done < length) {
      const n = this.store.storeFile?.(storeOffset + done, fd, fileOffset + done, length - done) ?? 0;
      if (n === -EINTR) continue;
      if (n <= 0) break;
      done += n;
    }
    return done;
  }

  /** For stores without host addresses. */
  private fillByCopy(fd: number, storeOffset: number, fileOffset: number, length: number): number {
    const chunk = this.store.chunk(storeOffset);
    const at = storeOffset % CHUNK_SIZE;
    let done = 0;
    while (done < length) {
      const n = hostPread(fd, transferAddress, Math.min(TRANSFER_SIZE, length - done), fileOffset + done);
      if (n === -EINTR) continue;
      if (n < 0) return n;
      if (n === 0) break;
      chunk.set(transferBytes.subarray(0, n), at + done);
      done += n;
    }
    return done;
  }

  protected override writeTo(storeOffset: number, fileOffset: number, length: number): number {
    const fd = this.inode.writeFd();
    if (fd < 0) return this.inode.failed(fd);
    const address = this.store.hostAddress(storeOffset);
    let done = 0;
    while (done < length) {
      let n = 0;
      if (address !== 0) n = hostPwrite(fd, address + done, length - done, fileOffset + done);
      else {
        const part = Math.min(TRANSFER_SIZE, length - done);
        const at = (storeOffset + done) % CHUNK_SIZE;
        transferBytes.set(this.store.chunk(storeOffset).subarray(at, at + part));
        n = hostPwrite(fd, transferAddress, part, fileOffset + done);
      }
      if (n === -EINTR) continue;
      if (n < 0) return this.inode.failed(n);
      done += n;
    }
    return 0;
  }

  protected override beforeMappedWrite(): number {
    return this.inode.beforeMappedWrite();
  }
}
