import { Kernel } from '@sandbox/kernel';
import { tmpfs } from '@sandbox/vfs';
import { rootPath } from '../config/check.js';
import type { OciResources } from '../config/types.js';
import type { CreateRequest, Stats } from '../control/protocol.js';
import { Failure } from '../failure.js';
import { startOf } from '../state/host-process.js';
import { type Stored, save } from '../state/store.js';
import { enterGroups, groupPath, limitCpu, removeGroups } from './cgroup.js';
import type { Console } from './console.js';
import { HostNetwork } from './host-network.js';
import { kernelLimitsOf, limitsOf } from './limits.js';
import { Member } from './member.js';
import { SharedNamespaces } from './shared-namespaces.js';

/** RFC 3339 with nine digits. */
function timestamp(): string {
  return new Date().toISOString().replace('Z', '000000Z');
}

/** What stands for a container on the host. */
export interface Standing {
  readonly pid: number;
  /** What its program gets as 0, 1, 2 and so on. */
  readonly fds: readonly number[];
  /** Its terminal, where it has one already. */
  readonly console: Console | null;
}

/** A kernel and the containers in it; this process is its supervisor. */
export class Sandbox {
  readonly members = new Map<string, Member>();
  private readonly namespaces: SharedNamespaces;
  private networkGiven = false;

  private constructor(
    readonly kernel: Kernel,
    private readonly network: HostNetwork,
    /** Its first container. */
    private readonly id: string,
    private readonly socket: string,
  ) {
    this.namespaces = new SharedNamespaces(network);
    kernel.on('oom-kill', () => {
      for (const member of this.members.values()) member.noticeKills();
    });
  }

  /**
   * Start the kernel for the container of `request`, in whose own `groups` this process is, and build that.
   * Throws Failure, and what the kernel's options throw.
   */
  static async create(
    request: CreateRequest,
    socket: string,
    fds: readonly number[],
    groups: readonly string[],
  ): Promise<{ sandbox: Sandbox; member: Member }> {
    const { config, id } = request;
    limitCpu(groups, config.linux?.resources ?? {});
    const network = HostNetwork.enter(config);
    const kernel = await Kernel.create({
      platform: request.platform as 'auto',
      root: tmpfs(),
      limits: kernelLimitsOf(config.linux?.resources ?? {}),
    });
    const sandbox = new Sandbox(kernel, network, id, socket);
    try {
      const member = await sandbox.build(request, { pid: process.pid, fds, console: null }, groups);
      return { sandbox, member };
    } catch (error) {
      await kernel.dispose();
      throw error;
    }
  }

  /** Build a further container. Throws Failure. */
  async add(request: CreateRequest, standing: Standing): Promise<Member> {
    const { config, id } = request;
    if (this.members.has(id)) throw new Failure('container with given ID already exists');
    const { made: groups } = await enterGroups(groupPath(config, id, request.systemdCgroup), standing.pid);
    limitCpu(groups, config.linux?.resources ?? {});
    try {
      return await this.build(request, standing, groups);
    } catch (error) {
      await removeGroups(groups);
      throw error;
    }
  }

  private async build(
    request: CreateRequest,
    { pid, fds, console }: Standing,
    groups: readonly string[],
  ): Promise<Member> {
    const { config, id, bundle, root } = request;
    const stored: Stored = {
      id,
      bundle,
      rootfs: rootPath(config, bundle),
      config,
      created: timestamp(),
      pid,
      pidStarted: startOf(pid),
      status: 'creating',
      sandbox: this.id,
      network: this.network.key,
      socket: this.socket,
      cgroups: groups,
    };
    save(root, stored);
    const { kernel, network, namespaces } = this;
    const member = await Member.create({ kernel, network, namespaces }, request, stored, fds, console);
    this.members.set(id, member);
    return member;
  }

  member(id: string): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Failure('container does not exist');
    return member;
  }

  /** Start a container. By the first start the engine has set up the network. Throws Failure. */
  async start(id: string): Promise<void> {
    const member = this.member(id);
    if (!this.networkGiven && member.status === 'created') {
      await this.network.give(this.kernel);
      this.networkGiven = true;
    }
    await member.start();
  }

  /** End a container that is not the first, and forget it. */
  async remove(id: string): Promise<void> {
    const member = this.members.get(id);
    if (member === undefined) return;
    await member.dispose();
    this.namespaces.remove(member);
    this.members.delete(id);
  }

  /** End all. */
  async dispose(): Promise<void> {
    for (const member of this.members.values()) member.abandon();
    await this.kernel.dispose();
  }

  /** Change limits. CPU time is the host's to limit. */
  update(id: string, resources: OciResources): void {
    const member = this.member(id);
    if (member.isGuest) member.container.setLimits(limitsOf(resources));
    else this.kernel.setLimits(kernelLimitsOf(resources));
    limitCpu(member.stored.cgroups, resources);
  }

  /** What a container uses; of the first, what all do. */
  async stats(id: string): Promise<Stats> {
    const { container, isGuest } = this.member(id);
    const own = container.stats();
    const whole = await this.total(own.oomKills);
    if (!isGuest) return whole;
    return {
      cpu: { total: own.cpu, kernel: 0, user: own.cpu },
      memory: {
        usage: own.memory,
        limit: own.memoryLimit ?? whole.memory.limit,
        oomKills: own.oomKills,
      },
      pids: { current: own.tasks, limit: own.tasksLimit ?? whole.pids.limit },
    };
  }

  private async total(oomKills: number): Promise<Stats> {
    const read = async (name: string): Promise<string> =>
      this.kernel.fs.readFile(`/sys/fs/cgroup/${name}`, 'utf8');
    const cpu = await read('cpu.stat');
    const usec = (name: string): number => Number(new RegExp(`${name} (\\d+)`).exec(cpu)?.[1] ?? 0);
    return {
      cpu: {
        total: usec('usage_usec') * 1000,
        kernel: usec('system_usec') * 1000,
        user: usec('user_usec') * 1000,
      },
      memory: {
        usage: Number(await read('memory.current')),
        limit: Number(await read('memory.max')),
        oomKills,
      },
      pids: { current: Number(await read('pids.current')), limit: Number(await read('pids.max')) },
    };
  }
}
