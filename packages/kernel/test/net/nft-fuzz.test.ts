/**
 * nf_tables from any bytes: batches of mutated messages are refused or make rules, and packets find their way
 * through what there is then.
 */
import {
  NETLINK_NETFILTER,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFT_COMPAT,
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_INET,
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_MSG_DELSETELEM,
  NFT_MSG_DELTABLE,
  NFT_MSG_GETRULE,
  NFT_MSG_GETSETELEM,
  NFT_MSG_GETTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_LIST_ELEM,
  NFTA_OBJ_DATA,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TABLE,
  NFTA_OBJ_TYPE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
  NFTA_SET_DATA_TYPE,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_FLAGS,
  NFTA_SET_ID,
  NFTA_SET_KEY_LEN,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NFTA_TABLE_NAME,
  NFTA_VERDICT_CHAIN,
  NFTA_VERDICT_CODE,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLM_F_REQUEST,
} from '@sandbox/abi';
import type { Kernel } from '@sandbox/kernel';
import { loadNetwork } from '@sandbox/kernel-net';
import { NetlinkWriter, packetFrom } from '@sandbox/net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Task } from '../../../kernel-core/src/process/task/task.js';
import { putBe32, putBe64 } from '../../../kernel-net/src/netfilter/nft/attributes.js';
import type { NetlinkSocket } from '../../../kernel-net/src/netlink/socket.js';
import type { Network } from '../../../kernel-net/src/network.js';
import { makeKernel } from '../embedder/support.js';
import { below, mutated, RUNS } from './mutate.js';

const w = new NetlinkWriter();

let kernel: Kernel;
let network: Network;
beforeAll(async () => {
  kernel = await makeKernel();
  network = await loadNetwork(kernel.core);
});
afterAll(() => kernel.dispose());

function message(type: number, flags: number, family: number, fill: () => void): Uint8Array {
  w.reset().begin(type, NLM_F_REQUEST | flags, 1, 0);
  const at = w.header(4);
  w.set8(at, family);
  w.setBe16(at + 2, NFNL_SUBSYS_NFTABLES);
  fill();
  w.finish();
  return w.take();
}

const CREATE = NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND | NLM_F_ECHO;
const change = (type: number, fill: () => void): Uint8Array =>
  message((NFNL_SUBSYS_NFTABLES << 8) | type, CREATE, NFPROTO_INET, fill);

function inside(type: number, fill: () => void): void {
  const at = w.nest(type);
  fill();
  w.endNest(at);
}

const value = (type: number, ...bytes: number[]): void =>
  inside(type, () => w.data(NFTA_DATA_VALUE, Uint8Array.from(bytes)));
const verdict = (type: number, code: number, chain?: string): void =>
  inside(type, () =>
    inside(NFTA_DATA_VERDICT, () => {
      putBe32(w, NFTA_VERDICT_CODE, code);
      if (chain !== undefined) w.string(NFTA_VERDICT_CHAIN, chain);
    }),
  );
const expression = (name: string, fill: () => void): void =>
  inside(NFTA_LIST_ELEM, () => {
    w.string(NFTA_EXPR_NAME, name);
    inside(NFTA_EXPR_DATA, fill);
  });
/** Attributes 1, 2, 3... with numbers. */
const numbers =
  (...all: number[]): (() => void) =>
  () =>
    all.forEach((n, i) => {
      putBe32(w, i + 1, n);
    });

const wide = (at: readonly number[]): void => {
  for (const type of at) putBe64(w, type, 5);
};

/** Expressions of every kind. */
const EXPRESSIONS: readonly (() => void)[] = [
  () => expression('meta', numbers(1, below(20))),
  () => expression('payload', numbers(1, below(4), below(20), 1 + below(16))),
  () =>
    expression('cmp', () => {
      numbers(1, below(6))();
      value(3, 6);
    }),
  () =>
    expression('immediate', () => {
      putBe32(w, 1, 0);
      verdict(2, [0, 1, -1, -5][below(4)]!);
    }),
  () =>
    expression('immediate', () => {
      putBe32(w, 1, 0);
      verdict(2, -3 - below(2), `c${below(3)}`);
    }),
  () =>
    expression('immediate', () => {
      putBe32(w, 1, 1);
      value(2, 1, 2, 3, 4);
    }),
  () => expression('counter', () => wide([1, 2])),
  () => expression('limit', () => wide([1, 2])),
  () => expression('quota', () => wide([1])),
  () => expression('last', () => {}),
  () => expression('ct', numbers(1, below(24))),
  () =>
    expression('bitwise', () => {
      numbers(1, 1, 4)();
      value(4, 255, 255, 0, 0);
      value(5, 0, 0, 0, 0);
    }),
  () => expression('byteorder', numbers(1, 1, below(2), 4, 2)),
  () =>
    expression('range', () => {
      numbers(1, below(2))();
      value(3, 0, 1);
      value(4, 9, 9);
    }),
  () => expression('numgen', numbers(1, 7, below(2), 3)),
  () => expression('fib', numbers(1, 1 + below(3), 1 + below(2))),
  () =>
    expression('lookup', () => {
      w.string(1, `s${below(3)}`);
      putBe32(w, 2, 1);
    }),
  () =>
    expression('lookup', () => {
      w.string(1, 'm');
      putBe32(w, 2, 1);
      putBe32(w, 3, 0);
    }),
  () =>
    expression('dynset', () => {
      w.string(1, 's2');
      putBe32(w, 3, below(3));
      putBe32(w, 4, 1);
    }),
  () => expression('nat', numbers(below(2), 2, 1, 1)),
  () => expression('masq', () => {}),
  () => expression('redir', () => {}),
  () =>
    expression('reject', () => {
      putBe32(w, 1, 1 + below(2));
      w.u8(2, below(4));
    }),
  () => expression('log', () => w.string(2, 'prefix ')),
  () => expression('notrack', () => {}),
  () =>
    expression('exthdr', () => {
      putBe32(w, 1, 1);
      w.u8(2, 2);
      numbersFrom(3, 2, 2, 0, below(2));
    }),
  () =>
    expression('objref', () => {
      putBe32(w, 1, 1);
      w.string(2, 'o');
    }),
  () => compat('match', 'tcp', 0, 12),
  () => compat('match', 'conntrack', 3, 164),
  () => compat('match', 'limit', 0, 40),
  () => compat('target', 'DNAT', 2, 44),
  () => compat('target', 'LOG', 0, 32),
];

function numbersFrom(first: number, ...all: number[]): void {
  all.forEach((n, i) => {
    putBe32(w, first + i, n);
  });
}

function compat(kind: string, name: string, revision: number, size: number): void {
  expression(kind, () => {
    w.string(1, name);
    putBe32(w, 2, revision);
    w.data(
      3,
      new Uint8Array(size).map(() => below(4)),
    );
  });
}

/** A message of every kind. */
function specimen(): Uint8Array {
  const chain = `c${below(3)}`;
  const set = `s${below(3)}`;
  const inTable = (type: number): void => w.string(type, 't');
  const kinds: (() => Uint8Array)[] = [
    () => change(NFT_MSG_NEWTABLE, () => inTable(NFTA_TABLE_NAME)),
    () =>
      change(NFT_MSG_NEWCHAIN, () => {
        inTable(NFTA_CHAIN_TABLE);
        w.string(NFTA_CHAIN_NAME, chain);
      }),
    () =>
      change(NFT_MSG_NEWCHAIN, () => {
        inTable(NFTA_CHAIN_TABLE);
        w.string(NFTA_CHAIN_NAME, `b${below(5)}`);
        inside(NFTA_CHAIN_HOOK, () => {
          putBe32(w, NFTA_HOOK_HOOKNUM, below(5));
          putBe32(w, NFTA_HOOK_PRIORITY, below(200) - 100);
        });
        w.string(NFTA_CHAIN_TYPE, ['filter', 'nat', 'route'][below(3)]!);
        putBe32(w, NFTA_CHAIN_POLICY, below(2));
      }),
    () =>
      change(NFT_MSG_NEWSET, () => {
        inTable(NFTA_SET_TABLE);
        w.string(NFTA_SET_NAME, set);
        putBe32(w, NFTA_SET_KEY_LEN, 4);
        putBe32(w, NFTA_SET_ID, below(5));
        putBe32(w, NFTA_SET_FLAGS, [0, 4, 0x20][Number(set[1])]!);
      }),
    () =>
      change(NFT_MSG_NEWSET, () => {
        inTable(NFTA_SET_TABLE);
        w.string(NFTA_SET_NAME, 'm');
        putBe32(w, NFTA_SET_KEY_LEN, 4);
        putBe32(w, NFTA_SET_ID, 9);
        putBe32(w, NFTA_SET_FLAGS, 8);
        putBe32(w, NFTA_SET_DATA_TYPE, 0xffffff00);
      }),
    () =>
      change(below(3) === 0 ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM, () => {
        const map = below(2) === 0;
        inTable(NFTA_SET_ELEM_LIST_TABLE);
        w.string(NFTA_SET_ELEM_LIST_SET, map ? 'm' : set);
        inside(NFTA_SET_ELEM_LIST_ELEMENTS, () => {
          for (let n = below(4); n >= 0; n--)
            inside(NFTA_LIST_ELEM, () => {
              value(NFTA_SET_ELEM_KEY, 0, 0, below(3), below(256));
              if (map) verdict(NFTA_SET_ELEM_DATA, -3, chain);
              else if (below(3) === 0) putBe32(w, NFTA_SET_ELEM_FLAGS, 1);
            });
        });
      }),
    () =>
      change(NFT_MSG_NEWOBJ, () => {
        inTable(NFTA_OBJ_TABLE);
        w.string(NFTA_OBJ_NAME, 'o');
        putBe32(w, NFTA_OBJ_TYPE, 1);
        inside(NFTA_OBJ_DATA, () => {});
      }),
    () =>
      change(below(4) === 0 ? NFT_MSG_DELCHAIN : NFT_MSG_DELRULE, () => {
        inTable(NFTA_CHAIN_TABLE);
        w.string(NFTA_RULE_CHAIN, below(2) === 0 ? chain : `b${below(5)}`);
      }),
    () => change(below(2) === 0 ? NFT_MSG_DELSET : NFT_MSG_DELTABLE, () => w.string(1, 't')),
  ];
  const rule = (): Uint8Array =>
    change(NFT_MSG_NEWRULE, () => {
      inTable(NFTA_RULE_TABLE);
      w.string(NFTA_RULE_CHAIN, below(2) === 0 ? chain : `b${below(5)}`);
      inside(NFTA_RULE_EXPRESSIONS, () => {
        // Most read what another has written.
        expression('immediate', () => {
          putBe32(w, 1, 1);
          value(2, ...new Array<number>(16).fill(below(256)));
        });
        for (let n = below(4); n >= 0; n--) EXPRESSIONS[below(EXPRESSIONS.length)]!();
      });
    });
  const list = [NFT_MSG_GETTABLE, NFT_MSG_GETRULE, NFT_MSG_GETSETELEM][below(3)]!;
  const query = (): Uint8Array =>
    message((NFNL_SUBSYS_NFTABLES << 8) | list, NLM_F_DUMP, NFPROTO_INET, () => {
      inTable(1);
      w.string(2, set);
    });
  const revision = (): Uint8Array =>
    message(NFNL_SUBSYS_NFT_COMPAT << 8, NLM_F_ACK, 2, () => {
      w.string(1, 'tcp');
      numbersFrom(2, 0, 0);
    });
  const kind = below(20);
  if (kind < 9) return rule();
  if (kind === 19) return below(2) === 0 ? query() : revision();
  // What ends everything comes seldom: there shall be something to see.
  const rare = below(8) === 0 ? kinds.length : kinds.length - 2;
  return kinds[below(rare)]!();
}

const PACKETS = [
  '4500003c00004000400600007f0000017f0000011f90005000000001000000005002ffff00000000',
  '4500002000004000401100007f0000017f0000011f9000350000000061626364',
  '4500002000004000400100007f0000017f00000108000000000100010000000000000000',
  '600000000014064000000000000000000000000000000001000000000000000000000000000000011f90005000000001000000005002ffff00000000',
].map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

function feedPackets(): void {
  const { stack, filter } = network;
  for (const bytes of PACKETS) {
    const packet = packetFrom(bytes);
    packet.network = packet.start;
    packet.etherType = bytes[0]! >>> 4 === 4 ? 0x0800 : 0x86dd;
    const { loopback } = stack;
    if (
      filter.prerouting(packet, loopback) &&
      filter.input(packet, loopback) &&
      filter.forward(packet, loopback, loopback) &&
      filter.output(packet, loopback) &&
      filter.postrouting(packet, loopback)
    )
      packet.release();
  }
}

it('nf_tables', { timeout: 60_000 + RUNS }, () => {
  let accepted = 0;
  let refused = 0;
  const answer = (bytes: Uint8Array): void => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    if (view.getUint16(4, true) !== 2) return;
    if (view.getInt32(16, true) === 0) accepted++;
    else refused++;
  };
  const socket = {
    protocol: NETLINK_NETFILTER,
    port: 1,
    has: () => true,
    answer,
  } as unknown as NetlinkSocket;
  const caller = { cred: { capableIn: () => true }, group: { pid: 1 }, comm: 'fuzz' } as unknown as Task;
  const begin = message(NFNL_MSG_BATCH_BEGIN, 0, 0, () => {});
  const end = message(NFNL_MSG_BATCH_END, 0, 0, () => {});
  const send = (...parts: Uint8Array[]): void => {
    kernel.core.run(() => network.netlink.request(socket, Buffer.concat(parts), caller));
  };
  for (let i = 0; i < RUNS; i++) {
    // Half of them stay sound: rules are to be made, too.
    const bytes = mutated(specimen(), Math.max(0, below(6) - 2), 16);
    if (bytes[0]! % 2 === 0 && (bytes[4]! === NFT_MSG_GETTABLE || bytes[5] === NFNL_SUBSYS_NFT_COMPAT))
      send(bytes);
    else send(begin, bytes, end);
    if (i % 16 === 0) kernel.core.run(feedPackets);
    // Every now and then all is taken away; nothing is left of it.
    if (i % 2048 === 2047) {
      send(
        begin,
        message((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_DELTABLE, 0, 0, () => {}),
        end,
      );
      const dump: Uint8Array[] = [];
      const reader = { ...socket, answer: (b: Uint8Array) => dump.push(b) } as unknown as NetlinkSocket;
      const ask = message((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, NLM_F_DUMP, 0, () => {});
      kernel.core.run(() => network.netlink.request(reader, ask, caller));
      expect(dump.length).toBe(1);
    }
  }
  expect(accepted).toBeGreaterThan(RUNS / 20);
  expect(refused).toBeGreaterThan(RUNS / 20);
});
