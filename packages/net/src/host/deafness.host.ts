import {
  NETLINK_NETFILTER,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_NETDEV,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWTABLE,
  NFT_TABLE_F_OWNER,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_HOOK_DEV,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_TABLE_FLAGS,
  NFTA_TABLE_NAME,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  NLMSG_ERROR,
} from '@sandbox/abi';
import { check } from '../link/check.host.js';
import { NetlinkWriter, u32At } from '../wire/netlink.js';
import { HostNetlink, messagesIn } from './netlink.host.js';

/** enum nf_dev_hooks, and the verdict (linux/netfilter.h). */
const NF_NETDEV_INGRESS = 0;
const NF_DROP = 0;

/**
 * Has the host's own network not hear what comes in on interfaces of the namespace this thread was in when it was made: it would answer beside the
 * stack. Packet sockets hear before it. A chain of nf_tables (nft(8), family netdev) drops everything; its table belongs to a socket of this process
 * and goes with it, however that ends. The host keeps its addresses and routes, so that who looks after them finds them.
 */
export class HostDeafness {
  private readonly socket = new HostNetlink(NETLINK_NETFILTER);
  private readonly writer = new NetlinkWriter();
  private readonly table = `sandbox-${process.pid}`;
  private sequence = 0;
  private chains = 0;

  /** Throws an `Error` with the host's `code`: EPERM (CAP_NET_ADMIN), EOPNOTSUPP (no nf_tables there), ENOENT (no such interface). */
  add(name: string): void {
    const w = this.writer.reset();
    this.begin(NFNL_MSG_BATCH_BEGIN, 0, 0, NFNL_SUBSYS_NFTABLES);
    w.finish();
    if (this.chains === 0) {
      this.begin((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, NFPROTO_NETDEV, 0);
      w.string(NFTA_TABLE_NAME, this.table);
      this.word(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
      w.finish();
    }
    this.begin((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_ACK, NFPROTO_NETDEV, 0);
    w.string(NFTA_CHAIN_TABLE, this.table);
    w.string(NFTA_CHAIN_NAME, `ingress${this.chains}`);
    const hook = w.nest(NFTA_CHAIN_HOOK);
    this.word(NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
    this.word(NFTA_HOOK_PRIORITY, 0);
    w.string(NFTA_HOOK_DEV, name);
    w.endNest(hook);
    this.word(NFTA_CHAIN_POLICY, NF_DROP);
    w.string(NFTA_CHAIN_TYPE, 'filter');
    w.finish();
    this.begin(NFNL_MSG_BATCH_END, 0, 0, NFNL_SUBSYS_NFTABLES);
    w.finish();
    this.socket.send(w.take());
    // Answers to a batch are there when it has been sent.
    for (let bytes = this.socket.receive(false); bytes !== null; bytes = this.socket.receive(false)) {
      for (const { type, payload } of messagesIn(bytes))
        if (type === NLMSG_ERROR) check(u32At(payload, 0) | 0, `nf_tables for ${name}`);
    }
    this.chains++;
  }

  /** A message up to its struct nfgenmsg: family, version, and a number in network byte order. */
  private begin(type: number, flags: number, family: number, resource: number): void {
    const w = this.writer;
    w.begin(type, NLM_F_REQUEST | flags, ++this.sequence, 0);
    const at = w.header(4);
    w.set8(at, family);
    w.setBe16(at + 2, resource);
  }

  /** Numbers of nf_tables are in network byte order. */
  private word(type: number, value: number): void {
    const at = this.writer.attribute(type, 4);
    this.writer.setBe16(at, value >>> 16);
    this.writer.setBe16(at + 2, value & 0xffff);
  }

  close(): void {
    this.socket.close();
  }
}
