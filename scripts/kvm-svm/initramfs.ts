/**
 * An archive the kernel unpacks into its first file tree: cpio, format "newc"
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
export interface Entry {
  readonly name: string;
  /** File type and permissions, as in st_mode. */
  readonly mode: number;
  readonly data?: Uint8Array;
  /** Numbers of a device node. */
  readonly device?: readonly [major: number, minor: number];
}

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';

export function cpio(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, i) => {
    parts.push(...member(entry, i + 1));
  });
  parts.push(...member({ name: TRAILER, mode: 0 }, 0));
  return Buffer.concat(parts);
}

function member({ name, mode, data = new Uint8Array(), device = [0, 0] }: Entry, inode: number): Buffer[] {
  const path = Buffer.from(`${name}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, ...device, path.length, 0];
  const header = MAGIC + fields.map((n) => n.toString(16).padStart(8, '0')).join('');
  return [padded(Buffer.concat([Buffer.from(header), path])), padded(Buffer.from(data))];
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
