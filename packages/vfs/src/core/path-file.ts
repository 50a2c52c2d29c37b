import { EBADF } from '@sandbox/abi';
import { File } from './file.js';
import type { DirEmitter } from './inode.js';
import type { IoBuf } from './io.js';
import type { Mappable } from './mappable.js';

/**
 * A description opened with O_PATH: a place in the tree only; everything that touches content is EBADF
 * (open(2)).
 */
export class PathFile extends File {
  override get readable(): boolean {
    return false;
  }
  override get writable(): boolean {
    return false;
  }
  override read(_io: IoBuf, _offset: number): number {
    return -EBADF;
  }
  override write(_io: IoBuf, _offset: number): number {
    return -EBADF;
  }
  override seek(_offset: number, _whence: number): number {
    return -EBADF;
  }
  override readdir(_pos: number, _emit: DirEmitter): number {
    return -EBADF;
  }
  override ioctl(): number {
    return -EBADF;
  }
  override get mappable(): Mappable | null {
    return null;
  }
  override fsync(_dataOnly: boolean): number {
    return -EBADF;
  }
  override truncate(_size: number): number {
    return -EBADF;
  }
  override fallocate(_mode: number, _offset: number, _length: number): number {
    return -EBADF;
  }
}
