import { ENOENT, S_IFDIR } from '@sandbox/abi';
import type { DirEmitter, Inode } from '@sandbox/vfs';
import type { LinkFacts } from '../../process/ns/network-loader.js';
import { direntType, PseudoDir, PseudoInode } from '../../pseudo/inode.js';
import { attributes } from './attributes.js';
import type { SysFs } from './sysfs.js';

/** /sys/class/net: a directory for each interface there is now. */
export class NetClassDir extends PseudoInode {
  private readonly made = new Map<string, Inode>();

  constructor(private readonly sysfs: SysFs) {
    super(sysfs, S_IFDIR | 0o755);
    this.nlink = 2;
  }

  private get links(): readonly LinkFacts[] {
    return this.sysfs.netns.network.links();
  }

  override lookup(name: string): Inode | number {
    if (!this.links.some((link) => link.name === name)) return -ENOENT;
    let dir = this.made.get(name);
    if (dir === undefined) this.made.set(name, (dir = this.makeDir(name)));
    return dir;
  }

  private makeDir(name: string): Inode {
    const dir = new PseudoDir(this.sysfs, 0o755);
    const fact = (key: keyof LinkFacts) => () => {
      const link = this.links.find((l) => l.name === name);
      return link === undefined ? '' : String(link[key]);
    };
    attributes(this.sysfs, dir, {
      address: fact('address'),
      addr_len: '6',
      broadcast: fact('broadcast'),
      carrier: fact('carrier'),
      dev_id: '0x0',
      flags: fact('flags'),
      ifalias: '',
      ifindex: fact('index'),
      iflink: fact('index'),
      mtu: fact('mtu'),
      operstate: fact('operstate'),
      tx_queue_len: fact('txQueueLength'),
      type: fact('type'),
    });
    attributes(this.sysfs, dir.dir('statistics', 0o755), {
      rx_bytes: fact('rxBytes'),
      rx_packets: fact('rxPackets'),
      tx_bytes: fact('txBytes'),
      tx_packets: fact('txPackets'),
    });
    return dir;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    let at = 2;
    for (const { name } of this.links) {
      if (at >= pos && !emit(name, this.ino + at, direntType(S_IFDIR), at + 1)) return 0;
      at++;
    }
    return 0;
  }
}
