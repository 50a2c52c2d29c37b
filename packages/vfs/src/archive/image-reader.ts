import { VfsError } from '../core/errors.js';

/**
 * Little-endian fields of a file system image. Reading past its end is an error of the image, as is all that
 * `bad` says.
 */
export class ImageBytes {
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly kind: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  bad(what: string): VfsError {
    return new VfsError('ERR_VFS_SOURCE', `${this.kind}: ${what}`);
  }

  private at(offset: number, length: number): number {
    if (!(offset >= 0 && offset + length <= this.bytes.length))
      throw this.bad('it is cut off, or leads out of itself');
    return offset;
  }

  u8(offset: number): number {
    return this.bytes[this.at(offset, 1)]!;
  }
  u16(offset: number): number {
    return this.view.getUint16(this.at(offset, 2), true);
  }
  i16(offset: number): number {
    return this.view.getInt16(this.at(offset, 2), true);
  }
  u32(offset: number): number {
    return this.view.getUint32(this.at(offset, 4), true);
  }
  i32(offset: number): number {
    return this.view.getInt32(this.at(offset, 4), true);
  }
  /** Beyond 2^53 nothing in an image can be meant seriously. */
  u64(offset: number): number {
    const high = this.u32(offset + 4);
    if (high >= 2 ** 21) throw this.bad('a number out of all bounds');
    return high * 2 ** 32 + this.u32(offset);
  }
  slice(offset: number, length: number): Uint8Array {
    const from = this.at(offset, length);
    return this.bytes.subarray(from, from + length);
  }
  text(offset: number, length: number): string {
    return Buffer.from(this.slice(offset, length)).toString('latin1');
  }
}

/** Device number of an inode, as kernels since 2.6 write it (new_decode_dev): major and minor. */
export function deviceOf(encoded: number): [major: number, minor: number] {
  return [(encoded >>> 8) & 0xfff, (encoded & 0xff) | ((encoded >>> 12) & 0xfff00)];
}

/** Names in a directory of an image are used as they are: none may lead anywhere. */
export function checkName(name: string, image: ImageBytes): string {
  if (name === '' || name === '.' || name === '..' || name.length > 255 || /[/\0]/.test(name)) {
    throw image.bad('a name that is none');
  }
  return name;
}
