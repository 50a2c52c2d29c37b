import { S_IFREG } from '@sandbox/abi';
import type { KernelCore } from '@sandbox/kernel-core/process';
import { BytesIo, type FsContext, KERNEL_CREDENTIALS, type NewInode, TmpfsFileSystem } from '@sandbox/vfs';
import type { NetworkOptions } from './options.js';

const STAGING = '/proc';
const LOOPBACK = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n';

/**
 * /etc/hosts and /etc/resolv.conf of a guest: files of memory mounted on top of those of its tree, which may
 * be the host's own and must not be written to.
 */
export function writeNetworkFiles(
  core: KernelCore,
  ctx: FsContext,
  options: NetworkOptions,
  gatewayDns: readonly string[],
): void {
  const files = new Map<string, string>();
  const servers = options.dns ?? gatewayDns;
  if (servers.length > 0) files.set('resolv.conf', servers.map((s) => `nameserver ${s}\n`).join(''));
  const hosts = Object.entries(options.hosts ?? {});
  if (hosts.length > 0 || gatewayDns.length > 0) {
    const own = `127.0.1.1\t${core.namespaces.initial.uts.hostname}\n`;
    files.set('hosts', LOOPBACK + own + hosts.map(([name, address]) => `${address}\t${name}\n`).join(''));
  }
  if (files.size > 0) mountFiles(core, ctx, files);
}

/** Mount each file over /etc/NAME, where there is one (or can be). */
function mountFiles(core: KernelCore, ctx: FsContext, files: ReadonlyMap<string, string>): void {
  const { vfs } = core;
  const fs = new TmpfsFileSystem(core.mountEnv, { mode: 0o755 });
  const init: NewInode = { mode: S_IFREG | 0o644, uid: 0, gid: 0, rdev: 0 };
  // Mounted for a moment where a directory surely is: files can be bound from a mount only.
  const at = vfs.resolve(ctx, KERNEL_CREDENTIALS, null, STAGING);
  if (typeof at === 'number') return;
  const staging = vfs.mountAt(ctx, at, fs, 0);
  if (typeof staging === 'number') return;
  for (const [name, text] of files) {
    const inode = fs.root.mknod(name, init);
    if (typeof inode === 'number') continue;
    const file = inode.open(1, KERNEL_CREDENTIALS);
    if (typeof file !== 'number') {
      const bytes = Buffer.from(text, 'latin1');
      file.write(new BytesIo(bytes), 0);
    }
    const from = vfs.resolve(ctx, KERNEL_CREDENTIALS, null, `${STAGING}/${name}`);
    const to = place(core, ctx, name);
    if (typeof from !== 'number' && typeof to !== 'number') vfs.bind(ctx, from, to, false);
  }
  const top = vfs.resolve(ctx, KERNEL_CREDENTIALS, null, STAGING);
  if (typeof top !== 'number') vfs.umount(ctx, top, true);
}

/** /etc/NAME, made when it is missing and the tree can be written to. */
function place(core: KernelCore, ctx: FsContext, name: string) {
  const { vfs } = core;
  const path = `/etc/${name}`;
  const there = vfs.resolve(ctx, KERNEL_CREDENTIALS, null, path);
  if (typeof there !== 'number') return there;
  vfs.mkdir(ctx, KERNEL_CREDENTIALS, null, '/etc', 0o755);
  vfs.mknod(ctx, KERNEL_CREDENTIALS, null, path, S_IFREG | 0o644, 0);
  return vfs.resolve(ctx, KERNEL_CREDENTIALS, null, path);
}
