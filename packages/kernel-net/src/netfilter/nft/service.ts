import {
  CAP_NET_ADMIN,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  ERESTART,
  NETLINK_NETFILTER,
  NFNL_BATCH_GENID,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_MSG_COMPAT_GET,
  NFNL_SUBSYS_NFT_COMPAT,
  NFNL_SUBSYS_NFTABLES,
  NFNLGRP_NFTABLES,
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELOBJ,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_MSG_DELSETELEM,
  NFT_MSG_DELTABLE,
  NFT_MSG_DESTROYCHAIN,
  NFT_MSG_DESTROYOBJ,
  NFT_MSG_DESTROYRULE,
  NFT_MSG_DESTROYSET,
  NFT_MSG_DESTROYSETELEM,
  NFT_MSG_DESTROYTABLE,
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETFLOWTABLE,
  NFT_MSG_GETGEN,
  NFT_MSG_GETOBJ,
  NFT_MSG_GETOBJ_RESET,
  NFT_MSG_GETRULE,
  NFT_MSG_GETRULE_RESET,
  NFT_MSG_GETSET,
  NFT_MSG_GETSETELEM,
  NFT_MSG_GETSETELEM_RESET,
  NFT_MSG_GETTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWGEN,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_COMPAT_NAME,
  NFTA_COMPAT_REV,
  NFTA_COMPAT_TYPE,
  NFTA_GEN_ID,
  NFTA_GEN_PROC_NAME,
  NFTA_GEN_PROC_PID,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLM_F_REQUEST,
  NLMSG_MIN_TYPE,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import { type NetlinkWriter, parseAttributes, NetlinkWriter as Writer } from '@sandbox/net';
import type { Acknowledge, NetlinkReply, NetlinkRequest, NetlinkService } from '../../netlink/domain.js';
import type { Network } from '../../network.js';
import { revisionOf } from '../extensions.js';
import { type Attributes, be32, putBe32, text } from './attributes.js';
import { deleteChain, newChain } from './chains.js';
import { deleteElements, newElements } from './elements.js';
import { getChain, getElements, getObject, getRule, getSet, getTable, type Query } from './lists.js';
import { deleteObject, newObject } from './named-objects.js';
import { deleteRule, newRule } from './rules.js';
import { type Bad, Ruleset, validate } from './ruleset.js';
import { deleteSet, newSet } from './sets.js';
import { deleteTable, newTable } from './tables.js';
import { type Announce, Transaction } from './transaction.js';

/** struct nfgenmsg. */
const HEADER = 4;

type Change = (ruleset: Ruleset, a: Attributes, family: number, tx: Transaction) => number;
type Delete = (ruleset: Ruleset, a: Attributes, family: number, tx: Transaction, destroy: boolean) => number;

const only =
  (fn: Delete): Change =>
  (ruleset, a, family, tx) =>
    fn(ruleset, a, family, tx, false);
const ifThere =
  (fn: Delete): Change =>
  (ruleset, a, family, tx) =>
    fn(ruleset, a, family, tx, true);

/** What a batch is made of. */
const CHANGES: ReadonlyMap<number, Change> = new Map<number, Change>([
  [NFT_MSG_NEWTABLE, newTable],
  [NFT_MSG_DELTABLE, only(deleteTable)],
  [NFT_MSG_DESTROYTABLE, ifThere(deleteTable)],
  [NFT_MSG_NEWCHAIN, newChain],
  [NFT_MSG_DELCHAIN, only(deleteChain)],
  [NFT_MSG_DESTROYCHAIN, ifThere(deleteChain)],
  [NFT_MSG_NEWRULE, newRule],
  [NFT_MSG_DELRULE, only(deleteRule)],
  [NFT_MSG_DESTROYRULE, ifThere(deleteRule)],
  [NFT_MSG_NEWSET, newSet],
  [NFT_MSG_DELSET, only(deleteSet)],
  [NFT_MSG_DESTROYSET, ifThere(deleteSet)],
  [NFT_MSG_NEWSETELEM, newElements],
  [NFT_MSG_DELSETELEM, only(deleteElements)],
  [NFT_MSG_DESTROYSETELEM, ifThere(deleteElements)],
  [NFT_MSG_NEWOBJ, newObject],
  [NFT_MSG_DELOBJ, only(deleteObject)],
  [NFT_MSG_DESTROYOBJ, ifThere(deleteObject)],
]);

const QUERIES: ReadonlyMap<number, (query: Query) => number> = new Map([
  [NFT_MSG_GETTABLE, getTable],
  [NFT_MSG_GETCHAIN, getChain],
  [NFT_MSG_GETRULE, getRule],
  [NFT_MSG_GETRULE_RESET, getRule],
  [NFT_MSG_GETSET, getSet],
  [NFT_MSG_GETSETELEM, getElements],
  [NFT_MSG_GETSETELEM_RESET, getElements],
  [NFT_MSG_GETOBJ, getObject],
  [NFT_MSG_GETOBJ_RESET, getObject],
]);

/** NETLINK_NETFILTER: nf_tables, and what iptables-nft asks of the extensions of iptables. */
export class NetfilterService implements NetlinkService {
  private made: Ruleset | null = null;
  private readonly writer = new Writer();

  constructor(private readonly network: Network) {}

  /** Made when it is first asked for: who has no rules pays for none. */
  private get ruleset(): Ruleset {
    return (this.made ??= new Ruleset(this.network.stack, this.network.filter));
  }

  /** struct nfgenmsg, behind the header of a message. */
  private head(w: NetlinkWriter, family: number): void {
    const at = w.header(HEADER);
    w.set8(at, family);
    w.setBe16(at + 2, (this.made?.generation ?? 1) & 0xffff);
  }

  serve(request: NetlinkRequest, reply: NetlinkReply, caller: Task): number {
    if (!this.network.may(caller.cred, CAP_NET_ADMIN)) return -EPERM;
    if (request.payload.length < HEADER) return 0;
    const family = request.payload[0]!;
    const attributes = parseAttributes(request.payload, HEADER);
    const type = request.type & 0xff;
    const tell: Query['tell'] = (kind, of, write) => {
      const w = reply.begin((NFNL_SUBSYS_NFTABLES << 8) | kind);
      this.head(w, of);
      write(w);
      reply.end();
    };
    switch (request.type >> 8) {
      case NFNL_SUBSYS_NFTABLES:
        return this.query({ attributes, family, type, tell }, request, reply);
      case NFNL_SUBSYS_NFT_COMPAT:
        return type === NFNL_MSG_COMPAT_GET ? this.compat(attributes, family, reply) : -EINVAL;
      default:
        return -EINVAL;
    }
  }

  private query(
    { attributes, family, type, tell }: Pick<Query, 'attributes' | 'family' | 'type' | 'tell'>,
    request: NetlinkRequest,
    reply: NetlinkReply,
  ): number {
    const dump = (request.flags & NLM_F_DUMP) === NLM_F_DUMP;
    if (type === NFT_MSG_GETGEN) {
      tell(NFT_MSG_NEWGEN, 0, (w) => writeGeneration(w, this.ruleset));
      return 0;
    }
    if (dump) reply.dump();
    // Flow tables need devices that forward by themselves.
    if (type === NFT_MSG_GETFLOWTABLE) return dump ? 0 : -EOPNOTSUPP;
    const handler = QUERIES.get(type);
    // Changes come in batches.
    if (handler === undefined) return CHANGES.has(type) ? -EINVAL : -EOPNOTSUPP;
    return handler({ ruleset: this.ruleset, attributes, family, dump, type, tell });
  }

  /** Is a revision of a match or target of iptables there (nfnl_compat_get_rcu)? */
  private compat(a: Attributes, family: number, reply: NetlinkReply): number {
    const name = text(a, NFTA_COMPAT_NAME, 31);
    const revision = be32(a, NFTA_COMPAT_REV);
    const target = be32(a, NFTA_COMPAT_TYPE);
    if (name === undefined || revision === undefined || target === undefined) return -EINVAL;
    const best = revisionOf(target === 1, name, family, revision);
    if (best < 0) return best;
    const w = reply.begin((NFNL_SUBSYS_NFT_COMPAT << 8) | NFNL_MSG_COMPAT_GET);
    const at = w.header(HEADER);
    w.set8(at, family);
    w.string(NFTA_COMPAT_NAME, name);
    putBe32(w, NFTA_COMPAT_REV, best);
    putBe32(w, NFTA_COMPAT_TYPE, target);
    reply.end();
    return 0;
  }

  // Batches -------------------------------------------------------------------------------------------------

  isBatch(type: number): boolean {
    return type === NFNL_MSG_BATCH_BEGIN;
  }

  /** Changes from NFNL_MSG_BATCH_BEGIN to _END: all of them are made, or none (nfnetlink_rcv_batch). */
  serveBatch(
    requests: readonly NetlinkRequest[],
    reply: NetlinkReply,
    caller: Task,
    acknowledge: Acknowledge,
  ): void {
    const first = requests[0]!;
    const refused = this.refuses(first, caller);
    if (refused < 0) acknowledge(first, refused);
    if (refused < 0 || first.payload.length < HEADER) return;
    const answers: Parameters<Acknowledge>[] = [];
    const tx = new Transaction(this.announcing(first));
    tx.reply = reply;
    const ended = this.apply(requests, tx, answers);
    const failed = !ended || answers.some(([, errno]) => errno < 0);
    const bad = failed ? null : this.check();
    if (failed || bad !== null) tx.abort();
    if (bad !== null) {
      answers.length = 0;
      answers.push([tx.madeBy.get(bad.rule) ?? first, -bad.errno]);
    } else if (!failed) this.commit(tx, caller);
    for (const answer of answers) acknowledge(...answer);
  }

  /** Why a batch that begins like this is not looked at; 0: it is. */
  private refuses({ payload }: NetlinkRequest, caller: Task): number {
    if (!this.network.may(caller.cred, CAP_NET_ADMIN)) return -EPERM;
    if (payload.length < HEADER) return 0;
    // Some write the subsystem in the byte order of this machine.
    const [high, low] = [payload[2]!, payload[3]!];
    if (((high << 8) | low) !== NFNL_SUBSYS_NFTABLES && high !== NFNL_SUBSYS_NFTABLES) return -EOPNOTSUPP;
    const asked = be32(parseAttributes(payload, HEADER), NFNL_BATCH_GENID);
    return asked !== undefined && asked !== 0 && asked !== this.ruleset.generation ? -ERESTART : 0;
  }

  /** true: the batch came to its end. */
  private apply(
    requests: readonly NetlinkRequest[],
    tx: Transaction,
    answers: Parameters<Acknowledge>[],
  ): boolean {
    for (const request of requests.slice(1)) {
      if (request.payload.length < HEADER || request.type === NFNL_MSG_BATCH_BEGIN) {
        answers.length = 0;
        return false;
      }
      if (request.type === NFNL_MSG_BATCH_END) return true;
      tx.request = request;
      const { reply } = tx;
      reply.start(request);
      const errno = this.change(request, tx);
      answers.push([request, errno, reply.message, reply.offset]);
    }
    return false;
  }

  private change(request: NetlinkRequest, tx: Transaction): number {
    if ((request.flags & NLM_F_REQUEST) === 0 || request.type < NLMSG_MIN_TYPE) return -EINVAL;
    if (request.type >> 8 !== NFNL_SUBSYS_NFTABLES) return -EINVAL;
    const change = CHANGES.get(request.type & 0xff);
    if (change === undefined) return -EINVAL;
    return change(this.ruleset, parseAttributes(request.payload, HEADER), request.payload[0]!, tx);
  }

  private check(): Bad | null {
    for (const table of this.ruleset.tables) {
      const bad = validate(table);
      if (bad !== null) return bad;
    }
    return null;
  }

  private commit(tx: Transaction, caller: Task): void {
    if (tx.empty) return;
    const { ruleset } = this;
    ruleset.generation = ruleset.generation === 0xffffffff ? 1 : ruleset.generation + 1;
    ruleset.changedBy = { pid: caller.group.pid, name: caller.comm };
    tx.tell(NFT_MSG_NEWGEN, 0, (w) => writeGeneration(w, ruleset));
    tx.commit();
  }

  /** Tells members of the group, and who made the changes when he wants to hear of them. */
  private announcing(first: NetlinkRequest): Announce {
    const { netlink } = this.network;
    return {
      write: (type, family, request, write) => {
        const echo = (request.flags & NLM_F_ECHO) !== 0;
        if (!echo && !netlink.heard(NETLINK_NETFILTER, NFNLGRP_NFTABLES)) return null;
        const w = this.writer.reset();
        w.begin((NFNL_SUBSYS_NFTABLES << 8) | type, 0, request.sequence, request.port);
        this.head(w, family);
        write(w);
        w.finish();
        return w.take();
      },
      send: (bytes, echo) => {
        for (const socket of netlink.members(NETLINK_NETFILTER, NFNLGRP_NFTABLES))
          if (!echo || socket.port !== first.port) socket.announce(bytes, NFNLGRP_NFTABLES);
        if (echo) netlink.at(NETLINK_NETFILTER, first.port)?.answer(bytes);
      },
    };
  }
}

function writeGeneration(w: NetlinkWriter, { generation, changedBy }: Ruleset): void {
  putBe32(w, NFTA_GEN_ID, generation);
  putBe32(w, NFTA_GEN_PROC_PID, changedBy.pid);
  w.string(NFTA_GEN_PROC_NAME, changedBy.name);
}
