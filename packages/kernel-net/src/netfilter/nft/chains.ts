import {
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  EOPNOTSUPP,
  NFT_CHAIN_BASE,
  NFT_CHAIN_BINDING,
  NFT_MSG_NEWCHAIN,
  NFTA_CHAIN_COUNTERS,
  NFTA_CHAIN_FLAGS,
  NFTA_CHAIN_HANDLE,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_ID,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_CHAIN_USERDATA,
  NFTA_COUNTER_BYTES,
  NFTA_COUNTER_PACKETS,
  NFTA_HOOK_DEV,
  NFTA_HOOK_DEVS,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NLM_F_EXCL,
  NLM_F_NONREC,
  NLM_F_REPLACE,
} from '@sandbox/abi';
import { ACCEPT, DROP, nft } from '@sandbox/net';
import { type Attributes, be32, be64, nested, text } from './attributes.js';
import { dropChain, dropRules, hookIn, hookOut, sizeOf } from './drop.js';
import { Chain, type Hook, type Table } from './objects.js';
import { KIND_HOOKS, type Ruleset } from './ruleset.js';
import type { Transaction } from './transaction.js';
import { writeChain } from './write.js';

/** A chain that translates comes behind the place where packets are found to belong to connections. */
const PRIORITY_CONNTRACK = -200;

/** A chain by handle or name; which attribute asked for it. */
export function findChain(
  table: Table,
  a: Attributes,
): [chain: Chain | undefined, by: Uint8Array | undefined] {
  const handle = be64(a, NFTA_CHAIN_HANDLE);
  if (handle === undefined) {
    const name = text(a, NFTA_CHAIN_NAME);
    return [name === undefined ? undefined : table.chains.get(name), a.get(NFTA_CHAIN_NAME)];
  }
  const found = [...table.chains.values()].find((chain) => chain.handle === handle);
  return [found, a.get(NFTA_CHAIN_HANDLE)];
}

export function newChain(ruleset: Ruleset, a: Attributes, family: number, tx: Transaction): number {
  const table = ruleset.table(family, text(a, NFTA_CHAIN_TABLE));
  if (table === undefined) return tx.bad(ENOENT, a.get(NFTA_CHAIN_TABLE));
  const [known, by] = findChain(table, a);
  if (known === undefined && a.has(NFTA_CHAIN_HANDLE)) return tx.bad(ENOENT, by);
  if (!a.has(NFTA_CHAIN_NAME) && !a.has(NFTA_CHAIN_ID) && known === undefined) return -EINVAL;
  const policy = be32(a, NFTA_CHAIN_POLICY);
  if (policy !== undefined) {
    const base = known === undefined ? a.has(NFTA_CHAIN_HOOK) : known.hooked !== null;
    if (!base) return tx.bad(EOPNOTSUPP, a.get(NFTA_CHAIN_POLICY));
    if (policy !== DROP && policy !== ACCEPT) return -EINVAL;
  }
  const flags = be32(a, NFTA_CHAIN_FLAGS) ?? known?.flags ?? 0;
  // No device takes rules here.
  if ((flags & ~(NFT_CHAIN_BASE | NFT_CHAIN_BINDING)) !== 0) return -EOPNOTSUPP;
  if (known === undefined) return addChain(ruleset, table, a, flags, policy ?? ACCEPT, tx);
  if (known.bound) return -EINVAL;
  if ((tx.request.flags & NLM_F_EXCL) !== 0) return tx.bad(EEXIST, by);
  if ((tx.request.flags & NLM_F_REPLACE) !== 0) return -EOPNOTSUPP;
  return changeChain(known, a, policy, tx);
}

function addChain(
  ruleset: Ruleset,
  table: Table,
  a: Attributes,
  flags: number,
  policy: number,
  tx: Transaction,
): number {
  const bound = (flags & NFT_CHAIN_BINDING) !== 0;
  let name = text(a, NFTA_CHAIN_NAME);
  if (name === undefined) {
    if (!bound || a.has(NFTA_CHAIN_NAME)) return -EINVAL;
    name = ruleset.nextBoundName();
  }
  const id = be32(a, NFTA_CHAIN_ID) ?? null;
  const userData = a.get(NFTA_CHAIN_USERDATA)?.slice() ?? null;
  const chain = new Chain(table, name, table.nextHandle(), flags & NFT_CHAIN_BINDING, id, userData);
  if (a.has(NFTA_CHAIN_HOOK)) {
    if (bound) return -EOPNOTSUPP;
    const hook = readHook(chain, a, policy, tx);
    if (typeof hook === 'number') return hook;
    chain.hooked = hook;
  } else if ((flags & NFT_CHAIN_BASE) !== 0) return -EINVAL;
  if (!ruleset.account(sizeOf(chain))) return -ENOMEM;
  table.chains.set(name, chain);
  hookIn(ruleset, chain);
  tx.did(() => {
    ruleset.account(-sizeOf(chain));
    hookOut(ruleset, chain);
    table.chains.delete(chain.name);
  });
  tx.tell(NFT_MSG_NEWCHAIN, table.family, (w) => writeChain(w, chain));
  return 0;
}

function readHook(chain: Chain, a: Attributes, policy: number, tx: Transaction): Hook | number {
  const hook = nested(a, NFTA_CHAIN_HOOK)!;
  const number = be32(hook, NFTA_HOOK_HOOKNUM);
  const priority = be32(hook, NFTA_HOOK_PRIORITY);
  if (number === undefined || priority === undefined) return tx.bad(ENOENT, a.get(NFTA_CHAIN_NAME));
  const kind = KIND_HOOKS.get(text(a, NFTA_CHAIN_TYPE) ?? 'filter');
  if (kind === undefined) return tx.bad(ENOENT, a.get(NFTA_CHAIN_TYPE));
  if (number > 31 || (kind.hooks & (1 << number)) === 0) return -EOPNOTSUPP;
  if (kind.kind === 'nat' && (priority | 0) <= PRIORITY_CONNTRACK) return -EOPNOTSUPP;
  if (hook.has(NFTA_HOOK_DEV) || hook.has(NFTA_HOOK_DEVS)) return -EOPNOTSUPP;
  const base = new nft.BaseChain(chain, priority | 0, policy);
  const r = setCounters(base, a);
  return r < 0 ? r : { hook: number, kind: kind.kind, base };
}

function setCounters(base: nft.BaseChain, a: Attributes): number {
  const counters = nested(a, NFTA_CHAIN_COUNTERS);
  if (counters === undefined) return 0;
  const packets = be64(counters, NFTA_COUNTER_PACKETS);
  const bytes = be64(counters, NFTA_COUNTER_BYTES);
  if (packets === undefined || bytes === undefined) return -EINVAL;
  base.counting = true;
  base.packets = packets;
  base.bytes = bytes;
  return 0;
}

/** Policy and counters of a chain that is there (nf_tables_updchain). */
function changeChain(chain: Chain, a: Attributes, policy: number | undefined, tx: Transaction): number {
  const { hooked } = chain;
  if (a.has(NFTA_CHAIN_HOOK)) {
    if (hooked === null) return tx.bad(EEXIST, a.get(NFTA_CHAIN_NAME));
    const hook = nested(a, NFTA_CHAIN_HOOK)!;
    const number = be32(hook, NFTA_HOOK_HOOKNUM);
    const priority = be32(hook, NFTA_HOOK_PRIORITY);
    if (number !== undefined && number !== hooked.hook) return -EOPNOTSUPP;
    if (priority !== undefined && (priority | 0) !== hooked.base.priority) return -EOPNOTSUPP;
    const type = text(a, NFTA_CHAIN_TYPE);
    if (type !== undefined && KIND_HOOKS.get(type)?.kind !== hooked.kind)
      return tx.bad(EEXIST, a.get(NFTA_CHAIN_NAME));
  }
  const name = a.has(NFTA_CHAIN_HANDLE) ? text(a, NFTA_CHAIN_NAME) : undefined;
  if (name !== undefined) {
    if (chain.table.chains.has(name)) return tx.bad(EEXIST, a.get(NFTA_CHAIN_NAME));
    rename(chain, name, tx);
  }
  if (hooked === null) return a.has(NFTA_CHAIN_COUNTERS) ? -EOPNOTSUPP : 0;
  const { base } = hooked;
  const { policy: before, counting, packets, bytes } = base;
  const r = setCounters(base, a);
  if (r < 0) return r;
  if (policy !== undefined) base.policy = policy;
  tx.did(() => Object.assign(base, { policy: before, counting, packets, bytes }));
  tx.tell(NFT_MSG_NEWCHAIN, chain.table.family, (w) => writeChain(w, chain));
  return 0;
}

/** It keeps its place among the others. */
function rename(chain: Chain, name: string, tx: Transaction): void {
  const before = chain.name;
  const to = (next: string): void => {
    const { chains } = chain.table;
    const all = [...chains.values()];
    chain.name = next;
    chains.clear();
    for (const each of all) chains.set(each.name, each);
  };
  to(name);
  tx.did(() => to(before));
  tx.tell(NFT_MSG_NEWCHAIN, chain.table.family, (w) => writeChain(w, chain));
}

export function deleteChain(
  ruleset: Ruleset,
  a: Attributes,
  family: number,
  tx: Transaction,
  destroy = false,
): number {
  const table = ruleset.table(family, text(a, NFTA_CHAIN_TABLE));
  if (table === undefined) return tx.bad(ENOENT, a.get(NFTA_CHAIN_TABLE));
  const [chain, by] = findChain(table, a);
  if (chain === undefined) return destroy ? 0 : tx.bad(ENOENT, by);
  if (chain.bound) return -EOPNOTSUPP;
  if ((tx.request.flags & NLM_F_NONREC) !== 0 && chain.use > 0) return -EBUSY;
  dropRules(ruleset, chain, tx);
  if (chain.use > 0) return tx.bad(EBUSY, by);
  dropChain(ruleset, chain, tx);
  return 0;
}
