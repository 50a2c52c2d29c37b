/**
 * Mutated requests into what guests speak to the network's configuration with: no exception, and whatever is
 * let in does not hang.
 */
import {
  AF_INET,
  CN_IDX_PROC,
  CN_MSG,
  CN_VAL_PROC,
  IFADDRMSG,
  IFINFOMSG,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  NETLINK_CONNECTOR,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  PROC_CN_MCAST_LISTEN,
  PROC_INPUT,
  RTMSG,
  VETH_INFO_PEER,
} from '@sandbox/abi';
import type { Kernel } from '@sandbox/kernel';
import { loadNetwork } from '@sandbox/kernel-net';
import { Flow, NetlinkWriter, packetFrom, RuleTable } from '@sandbox/net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../../kernel-core/src/process/task/task.js';
import { readTable } from '../../../kernel-net/src/netfilter/entries.js';
import { ENTRY4 } from '../../../kernel-net/src/netfilter/layout.js';
import type { NetlinkSocket } from '../../../kernel-net/src/netlink/socket.js';
import type { Network } from '../../../kernel-net/src/network.js';
import { makeKernel } from '../embedder/support.js';
import { below, mutated, RUNS } from './mutate.js';

/** Some of it is cut short as well. */
function spoilt(specimen: Uint8Array): Uint8Array {
  const bytes = mutated(specimen, 1 + below(5));
  return below(8) === 0 ? bytes.subarray(0, below(bytes.length + 1)) : bytes;
}

let kernel: Kernel;
let network: Network;

beforeAll(async () => {
  kernel = await makeKernel();
  network = await loadNetwork(kernel.core);
});
afterAll(() => kernel.dispose());

describe('netlink', () => {
  const w = new NetlinkWriter();
  function request(type: number, flags: number, header: number, fill: () => void): Uint8Array {
    w.reset().begin(type, NLM_F_REQUEST | NLM_F_ACK | flags, 1, 0);
    w.set8(w.header(header), AF_INET);
    fill();
    w.finish();
    return w.take();
  }
  const addresses = (): void => {
    for (let type = 1; type < 16; type++) w.data(type, new Uint8Array([4, 4, 16, 6][type % 4]!).fill(type));
  };
  const veth = (): void => {
    w.string(IFLA_IFNAME, 'v0');
    const info = w.nest(IFLA_LINKINFO);
    w.string(IFLA_INFO_KIND, 'veth');
    const data = w.nest(IFLA_INFO_DATA);
    const peer = w.nest(VETH_INFO_PEER);
    w.header(IFINFOMSG.SIZE);
    w.string(IFLA_IFNAME, 'v1');
    w.endNest(peer);
    w.endNest(data);
    w.endNest(info);
  };

  it.each([
    ['rtnetlink', NETLINK_ROUTE],
    ['sock_diag', NETLINK_SOCK_DIAG],
    ['generic', NETLINK_GENERIC],
  ] as const)('%s', { timeout: 60_000 + RUNS }, (_name, protocol) => {
    const specimens: Uint8Array[] = [];
    for (let type = 16; type < 92; type++) {
      const header = [IFINFOMSG.SIZE, IFADDRMSG.SIZE, RTMSG.SIZE, 60][type % 4]!;
      specimens.push(request(type, below(2) === 0 ? NLM_F_DUMP : NLM_F_CREATE, header, addresses));
    }
    specimens.push(request(16, NLM_F_CREATE, IFINFOMSG.SIZE, veth));
    let answered = 0;
    const socket = {
      protocol,
      port: 1,
      has: () => true,
      answer: () => answered++,
    } as unknown as NetlinkSocket;
    const cred = { capableIn: () => true, has: () => true, userNs: { parent: null } };
    const caller = {
      cred,
      pids: { tasks: new Map(), parent: null },
      files: { get: () => null },
    } as unknown as Task;
    for (let i = 0; i < RUNS; i++) {
      const bytes = spoilt(specimens[below(specimens.length)]!);
      kernel.core.run(() => network.netlink.request(socket, bytes, caller));
    }
    expect(answered).toBeGreaterThan(RUNS / 10);
    expect(network.stack.interfaces.length).toBeLessThanOrEqual(4097);
  });
});

it('connector', { timeout: 60_000 + RUNS }, () => {
  const w = new NetlinkWriter();
  const specimens = [PROC_INPUT.SIZE, PROC_INPUT.event_type, 0].map((size) => {
    w.reset().begin(NLMSG_DONE, 0, 1, 0);
    const at = w.header(CN_MSG.SIZE + size);
    w.set32(at + CN_MSG.idx, CN_IDX_PROC);
    w.set32(at + CN_MSG.val, CN_VAL_PROC);
    w.set16(at + CN_MSG.len, size);
    if (size > 0) w.set32(at + CN_MSG.SIZE, PROC_CN_MCAST_LISTEN);
    w.finish();
    return w.take();
  });
  let heard = 0;
  const socket = {
    protocol: NETLINK_CONNECTOR,
    port: 0,
    inGroup: () => true,
    announce: () => heard++,
  } as unknown as NetlinkSocket;
  network.netlink.bind(socket, 1);
  const caller = { cred: { userNs: { parent: null } }, pids: { parent: null } } as unknown as Task;
  for (let i = 0; i < RUNS; i++) {
    const bytes = spoilt(specimens[below(specimens.length)]!);
    kernel.core.run(() => network.netlink.request(socket, bytes, caller));
  }
  expect(heard).toBeGreaterThan(RUNS / 20);
  network.netlink.unbind(socket);
  expect(kernel.core.hooks.watchers).toEqual([]);
});

describe('iptables', () => {
  /** One entry: `matches` and a target, each with its data. */
  function entry(
    matches: readonly (readonly [string, number, Uint8Array])[],
    target: readonly [string, Uint8Array],
  ): Uint8Array {
    const part = (name: string, revision: number, data: Uint8Array): Uint8Array => {
      const bytes = new Uint8Array((32 + data.length + 7) & ~7);
      new DataView(bytes.buffer).setUint16(0, bytes.length, true);
      bytes.set(Buffer.from(name), 2);
      bytes[31] = revision;
      bytes.set(data, 32);
      return bytes;
    };
    const parts = matches.map(([name, revision, data]) => part(name, revision, data));
    const last = part(target[0], 0, target[1]);
    const before = parts.reduce((sum, p) => sum + p.length, ENTRY4.size);
    const bytes = new Uint8Array(before + last.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(ENTRY4.targetOffset, before, true);
    view.setUint16(ENTRY4.nextOffset, bytes.length, true);
    let at = ENTRY4.size;
    for (const p of [...parts, last]) {
      bytes.set(p, at);
      at += p.length;
    }
    return bytes;
  }
  const word = (value: number): Uint8Array => new Uint8Array(new Int32Array([value, 0]).buffer);
  const ACCEPT = word(-2);

  it('tables', { timeout: 60_000 + RUNS }, () => {
    const accept = entry([], ['', ACCEPT]);
    const end = entry([], ['ERROR', new Uint8Array(32)]);
    const tcp = Uint8Array.of(0, 0, 255, 255, 80, 0, 80, 0, 0, 18, 2, 0);
    const chain = [
      entry([['tcp', 0, tcp]], ['', word(0)]),
      entry([['state', 0, word(14)]], ['REJECT', word(3)]),
      entry([['multiport', 1, new Uint8Array(48).fill(1)]], ['', word(152)]),
      entry(
        [
          ['comment', 0, new Uint8Array(256)],
          ['icmp', 0, Uint8Array.of(8, 0, 255, 0)],
        ],
        ['', word(-5)],
      ),
      accept,
      end,
    ];
    const offsets: number[] = [];
    let size = 0;
    for (const e of chain) {
      offsets.push(size);
      size += e.length;
    }
    const specimen = Buffer.concat(chain);
    // The third jumps to the fourth.
    specimen.writeInt32LE(offsets[3]!, offsets[3]! - 8);
    // The first jumps nowhere it may: to the policy.
    specimen.writeInt32LE(offsets[4]!, offsets[1]! - 8);
    const place = { stack: network.stack, filter: network.filter, family: AF_INET, table: 'filter' };
    const hooks = [0, 0, 0, 0, 0];
    const policies = [0, offsets[4]!, offsets[4]!, offsets[4]!, 0];
    const packet = packetFrom(
      Buffer.from('4500002800004000400600007f0000017f0000011f90005000000001000000005002ffff00000000', 'hex'),
    );
    packet.network = packet.start;
    const flow = new Flow();
    expect(flow.read(packet)).toBe(true);
    let accepted = 0;
    for (let i = 0; i < RUNS; i++) {
      const read = readTable(i === 0 ? specimen : spoilt(specimen), ENTRY4, 0x0e, hooks, policies, place);
      if (typeof read === 'number') {
        if (i === 0) throw new Error(`the specimen is refused: ${read}`);
        continue;
      }
      accepted++;
      const table = new RuleTable('filter', read.rules, read.entries, read.policies);
      const visit = { packet, hook: 1, input: network.stack.loopback, output: null, flow };
      table.evaluate(visit);
    }
    expect(accepted).toBeGreaterThan(RUNS / 20);
  });
});
