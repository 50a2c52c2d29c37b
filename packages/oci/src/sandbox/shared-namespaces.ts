import type { ContainerOptions } from '@sandbox/kernel';
import type { OciConfig } from '../config/types.js';
import { Failure } from '../failure.js';
import { type HostNetwork, namespaceKey } from './host-network.js';
import type { Member } from './member.js';
import { pidOfNamespace } from './pod.js';

type Wanted = NonNullable<ContainerOptions['namespaces']>;
type Kind = 'pid' | 'ipc' | 'uts' | 'cgroup';

const KINDS: readonly Kind[] = ['pid', 'ipc', 'uts', 'cgroup'];

/** The namespaces of a sandbox's containers, and what the host's paths in configurations mean among them. */
export class SharedNamespaces {
  private readonly members = new Set<Member>();

  constructor(private readonly network: HostNetwork) {}

  add(member: Member): void {
    this.members.add(member);
  }

  remove(member: Member): void {
    this.members.delete(member);
  }

  /** Those a container is to have. Throws Failure. */
  async of(config: OciConfig): Promise<Wanted> {
    const wanted: Wanted = {
      // Without one of its own for pids its processes would see those of the kernel, which has no others.
      pid: 'new',
      ipc: 'kernel',
      uts: 'kernel',
      cgroup: 'kernel',
      net: this.networkFor(config),
    } satisfies Wanted;
    const found: Partial<Record<Kind, Wanted[Kind]>> = {};
    for (const { type, path } of config.linux?.namespaces ?? []) {
      const kind = KINDS.find((k) => k === type);
      if (kind === undefined) continue;
      const owner = path ? this.ownerOf(type, path) : null;
      if (owner === null && path && pidOfNamespace(path) !== null)
        throw new Failure(`the ${type} namespace ${path} is of no container in this kernel`);
      // In a new pid namespace without a program the next one would be process 1.
      if (owner !== null && kind === 'pid') await owner.populate();
      // A place an engine has prepared for namespaces of a pod: the first to name it makes it.
      found[kind] = owner?.container ?? 'new';
    }
    return { ...wanted, ...found };
  }

  /**
   * The container that has the namespace at `path`: by the pid in it, or because it was configured to have
   * it.
   */
  private ownerOf(type: string, path: string): Member | null {
    const pid = pidOfNamespace(path);
    const key = namespaceKey(path);
    for (const member of this.members) {
      if (pid !== null) {
        if (member.stored.pid === pid) return member;
        continue;
      }
      const own = member.request.config.linux?.namespaces?.find((ns) => ns.type === type);
      if (own?.path && (own.path === path || (key !== null && namespaceKey(own.path) === key))) return member;
    }
    return null;
  }

  /** Its kernel's, or for a further container that wants one to itself a new one. */
  private networkFor(config: OciConfig): 'new' | 'kernel' {
    const wanted = config.linux?.namespaces?.find((ns) => ns.type === 'network');
    if (this.members.size === 0 || wanted === undefined) return 'kernel';
    if (!wanted.path) return 'new';
    if (this.ownerOf('network', wanted.path) === null && namespaceKey(wanted.path) !== this.network.key)
      throw new Failure(`the network namespace ${wanted.path} is not that of the container's sandbox`);
    return 'kernel';
  }
}
