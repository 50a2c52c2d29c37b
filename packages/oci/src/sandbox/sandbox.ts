import { constants } from 'node:os';
import { Kernel } from '@sandbox/kernel';
import { tmpfs } from '@sandbox/vfs';
import { rootPath } from '../config/check.js';
import type { OciResources } from '../config/types.js';
import type { CreateRequest, Stats } from '../control/protocol.js';
import { Failure } from '../failure.js';
import { startOf } from '../state/host-process.js';
import { type Stored, save } from '../state/store.js';
import { enterGroups, groupPath, limitCpu } from './cgroup.js';
import { Member } from './member.js';

export const SIGNALS: Readonly<Record<string, number>> = constants.signals;

/** RFC 3339 with nine digits. */
function timestamp(): string {
  return new Date().toISOString().replace('Z', '000000Z');
}

/** A kernel and the containers in it; this process is its supervisor. */
export class Sandbox {
  readonly members = new Map<string, Member>();

  private constructor(
    readonly kernel: Kernel,
    private readonly groups: readonly string[],
  ) {}

  /** Start the kernel for the container of `request`, and build that. Throws Failure, and what the kernel's options throw. */
  static async create(request: CreateRequest, socket: string): Promise<{ sandbox: Sandbox; member: Member }> {
    const { config, id } = request;
    const groups = enterGroups(groupPath(config, id, request.systemdCgroup), process.pid);
    limitCpu(groups, config.linux?.resources ?? {});
    const kernel = await Kernel.create({
      platform: request.platform as 'auto',
      root: tmpfs(),
      limits: limitsOf(config.linux?.resources ?? {}),
    });
    const sandbox = new Sandbox(kernel, groups);
    try {
      return { sandbox, member: await sandbox.add(request, socket) };
    } catch (error) {
      await kernel.dispose();
      throw error;
    }
  }

  /** Build a container. Throws Failure. */
  async add(request: CreateRequest, socket: string): Promise<Member> {
    const { config, id, bundle, root } = request;
    const stored: Stored = {
      id,
      bundle,
      rootfs: rootPath(config, bundle),
      config,
      created: timestamp(),
      pid: process.pid,
      pidStarted: startOf(process.pid),
      status: 'creating',
      socket,
      cgroups: this.groups,
    };
    save(root, stored);
    const member = await Member.create(this.kernel, request, stored);
    this.members.set(id, member);
    return member;
  }

  member(id: string): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Failure('container does not exist');
    return member;
  }

  /** Change limits. CPU time is the host's to limit. */
  update(resources: OciResources): void {
    this.kernel.setLimits(limitsOf(resources));
    limitCpu(this.groups, resources);
  }

  async stats(): Promise<Stats> {
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
      memory: { usage: Number(await read('memory.current')), limit: Number(await read('memory.max')) },
      pids: { current: Number(await read('pids.current')), limit: Number(await read('pids.max')) },
    };
  }
}

const LEAST_MEMORY = 1024 * 1024;
const MOST_PROCESSES = 32000;

/** The kernel's limits: it is the container's. */
function limitsOf({ memory, pids }: OciResources): { memory?: number; processes?: number } {
  const limits: { memory?: number; processes?: number } = {};
  if (memory?.limit !== undefined && memory.limit > 0) limits.memory = Math.max(memory.limit, LEAST_MEMORY);
  if (pids?.limit !== undefined && pids.limit > 0) limits.processes = Math.min(pids.limit, MOST_PROCESSES);
  return limits;
}
