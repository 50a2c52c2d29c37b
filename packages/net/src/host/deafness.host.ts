import {
  ARPHRD_LOOPBACK,
  ETH_P_ARP,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_UDP,
  NETLINK_NETFILTER,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_INET,
  NFPROTO_NETDEV,
  NFT_META_L4PROTO,
  NFT_META_OIFTYPE,
  NFT_META_PROTOCOL,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWTABLE,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_PAYLOAD_TRANSPORT_HEADER,
  NFT_TABLE_F_OWNER,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_HOOK_DEV,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_RULE_CHAIN,
  NFTA_RULE_TABLE,
  NFTA_TABLE_FLAGS,
  NFTA_TABLE_NAME,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  NLMSG_ERROR,
} from '@sandbox/abi';
import { check } from '../link/check.host.js';
import { NetlinkWriter, u32At } from '../wire/netlink.js';
import { type Test, word, writeRule } from '../wire/nft-rule.js';
import { HostNetlink, messagesIn } from './netlink.host.js';

/** enum nf_dev_hooks, enum nf_inet_hooks, and verdicts (linux/netfilter.h). */
const NF_NETDEV_INGRESS = 0;
const NF_INET_LOCAL_OUT = 3;
const NF_DROP = 0;
const NF_ACCEPT = 1;

const network = (offset: number, ...is: number[]): Test => ({
  header: NFT_PAYLOAD_NETWORK_HEADER,
  offset,
  is,
});
const transport = (offset: number, ...is: number[]): Test => ({
  header: NFT_PAYLOAD_TRANSPORT_HEADER,
  offset,
  is,
});
const l4 = (protocol: number): Test => ({ meta: NFT_META_L4PROTO, is: [protocol] });

/**
 * What programs of the host in the namespace need to ask name servers, as Docker's DNS does for those of
 * --dns: where the next hop is (an answer of ARP, a neighbour advertisement), and what comes from port 53.
 */
const HEARD: readonly (readonly Test[])[] = [
  [{ meta: NFT_META_PROTOCOL, is: [ETH_P_ARP >> 8, ETH_P_ARP & 0xff] }, network(6, 0, 2)],
  [l4(IPPROTO_ICMPV6), transport(0, 136)],
  [l4(IPPROTO_UDP), transport(0, 0, 53)],
];
/**
 * That no socket of the host wants an answer is no news for the server: one of the stack's may. (Nothing else
 * that is heard leads to such an error.)
 */
const UNSAID: readonly (readonly Test[])[] = [
  [notLoopback(), l4(IPPROTO_ICMP), transport(0, 3, 3)],
  [notLoopback(), l4(IPPROTO_ICMPV6), transport(0, 1, 4)],
];

function notLoopback(): Test {
  return { meta: NFT_META_OIFTYPE, isNot: [ARPHRD_LOOPBACK & 0xff, ARPHRD_LOOPBACK >> 8] };
}

/** Where a chain is, and what becomes of packets there no rule is about. */
interface Hook {
  readonly family: number;
  readonly chain: string;
  readonly number: number;
  readonly device?: string;
  readonly policy: number;
}

/**
 * Has the host's own network not hear what comes in on interfaces of the namespace this thread was in when it
 * was made: it would answer beside the stack. Packet sockets hear before it. A chain of nf_tables (nft(8),
 * family netdev) drops everything but answers of name servers; its table belongs to a socket of this process
 * and goes with it, however that ends. The host keeps its addresses and routes, so that who looks after them
 * finds them.
 */
export class HostDeafness {
  private readonly socket = new HostNetlink(NETLINK_NETFILTER);
  private readonly writer = new NetlinkWriter();
  private readonly table = `sandbox-${process.pid}`;
  private readonly families = new Set<number>();
  private sequence = 0;
  private chains = 0;

  /**
   * Throws an `Error` with the host's `code`: EPERM (CAP_NET_ADMIN), EOPNOTSUPP (no nf_tables there), ENOENT
   * (no such interface).
   */
  add(name: string): void {
    if (this.chains === 0) this.stopErrors();
    const chain = `ingress${this.chains}`;
    const where = { family: NFPROTO_NETDEV, chain, number: NF_NETDEV_INGRESS, device: name };
    this.make({ ...where, policy: NF_DROP }, HEARD, NF_ACCEPT);
    this.chains++;
  }

  private stopErrors(): void {
    const where = { family: NFPROTO_INET, chain: 'output', number: NF_INET_LOCAL_OUT };
    try {
      this.make({ ...where, policy: NF_ACCEPT }, UNSAID, NF_DROP);
    } catch {
      // A host without this family: servers get errors they need not heed.
    }
  }

  /** All of it, or nothing. */
  private make(hook: Hook, rules: readonly (readonly Test[])[], verdict: number): void {
    const w = this.writer.reset();
    const { family } = hook;
    const change = (type: number, flags: number): void =>
      this.begin((NFNL_SUBSYS_NFTABLES << 8) | type, NLM_F_CREATE | NLM_F_ACK | flags, family, 0);
    this.begin(NFNL_MSG_BATCH_BEGIN, 0, 0, NFNL_SUBSYS_NFTABLES);
    w.finish();
    if (!this.families.has(family)) {
      change(NFT_MSG_NEWTABLE, 0);
      w.string(NFTA_TABLE_NAME, this.table);
      word(w, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
      w.finish();
    }
    change(NFT_MSG_NEWCHAIN, 0);
    this.writeChain(hook);
    w.finish();
    for (const tests of rules) {
      change(NFT_MSG_NEWRULE, NLM_F_APPEND);
      w.string(NFTA_RULE_TABLE, this.table);
      w.string(NFTA_RULE_CHAIN, hook.chain);
      writeRule(w, tests, verdict);
      w.finish();
    }
    this.begin(NFNL_MSG_BATCH_END, 0, 0, NFNL_SUBSYS_NFTABLES);
    w.finish();
    this.socket.send(w.take());
    let error = 0;
    // Answers to a batch are there when it has been sent.
    for (let bytes = this.socket.receive(false); bytes !== null; bytes = this.socket.receive(false)) {
      for (const { type, payload } of messagesIn(bytes))
        if (type === NLMSG_ERROR && error === 0) error = u32At(payload, 0) | 0;
    }
    check(error, `nf_tables for ${hook.device ?? hook.chain}`);
    this.families.add(family);
  }

  private writeChain({ chain, number, device, policy }: Hook): void {
    const w = this.writer;
    w.string(NFTA_CHAIN_TABLE, this.table);
    w.string(NFTA_CHAIN_NAME, chain);
    const hook = w.nest(NFTA_CHAIN_HOOK);
    word(w, NFTA_HOOK_HOOKNUM, number);
    word(w, NFTA_HOOK_PRIORITY, 0);
    if (device !== undefined) w.string(NFTA_HOOK_DEV, device);
    w.endNest(hook);
    word(w, NFTA_CHAIN_POLICY, policy);
    w.string(NFTA_CHAIN_TYPE, 'filter');
  }

  /** A message up to its struct nfgenmsg: family, version, and a number in network byte order. */
  private begin(type: number, flags: number, family: number, resource: number): void {
    const w = this.writer;
    w.begin(type, NLM_F_REQUEST | flags, ++this.sequence, 0);
    const at = w.header(4);
    w.set8(at, family);
    w.setBe16(at + 2, resource);
  }

  close(): void {
    this.socket.close();
  }
}
