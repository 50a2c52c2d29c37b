/** How chains, rules and sets are told. */
import {
  NFT_CHAIN_BASE,
  NFT_SET_MAP,
  NFT_SET_OBJECT,
  NFTA_CHAIN_COUNTERS,
  NFTA_CHAIN_FLAGS,
  NFTA_CHAIN_HANDLE,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_CHAIN_USE,
  NFTA_CHAIN_USERDATA,
  NFTA_COUNTER_BYTES,
  NFTA_COUNTER_PACKETS,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_HANDLE,
  NFTA_RULE_POSITION,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
  NFTA_SET_DATA_LEN,
  NFTA_SET_DATA_TYPE,
  NFTA_SET_DESC,
  NFTA_SET_DESC_CONCAT,
  NFTA_SET_DESC_SIZE,
  NFTA_SET_EXPR,
  NFTA_SET_EXPRESSIONS,
  NFTA_SET_FIELD_LEN,
  NFTA_SET_FLAGS,
  NFTA_SET_GC_INTERVAL,
  NFTA_SET_HANDLE,
  NFTA_SET_KEY_LEN,
  NFTA_SET_KEY_TYPE,
  NFTA_SET_NAME,
  NFTA_SET_OBJ_TYPE,
  NFTA_SET_POLICY,
  NFTA_SET_TABLE,
  NFTA_SET_TIMEOUT,
  NFTA_SET_USERDATA,
} from '@sandbox/abi';
import type { NetlinkWriter } from '@sandbox/net';
import { nest, putBe32, putBe64 } from './attributes.js';
import { writeExpression } from './expressions/read.js';
import type { Chain, RuleEntry, SetEntry } from './objects.js';

export function writeChain(w: NetlinkWriter, chain: Chain): void {
  w.string(NFTA_CHAIN_TABLE, chain.table.name);
  w.string(NFTA_CHAIN_NAME, chain.name);
  putBe64(w, NFTA_CHAIN_HANDLE, chain.handle);
  const { hooked } = chain;
  if (hooked !== null) {
    const hook = nest(w, NFTA_CHAIN_HOOK);
    putBe32(w, NFTA_HOOK_HOOKNUM, hooked.hook);
    putBe32(w, NFTA_HOOK_PRIORITY, hooked.base.priority);
    w.endNest(hook);
    putBe32(w, NFTA_CHAIN_POLICY, hooked.base.policy);
    w.string(NFTA_CHAIN_TYPE, hooked.kind);
    if (hooked.base.counting) {
      const counters = nest(w, NFTA_CHAIN_COUNTERS);
      putBe64(w, NFTA_COUNTER_PACKETS, hooked.base.packets);
      putBe64(w, NFTA_COUNTER_BYTES, hooked.base.bytes);
      w.endNest(counters);
    }
  }
  const flags = chain.flags | (hooked === null ? 0 : NFT_CHAIN_BASE);
  if (flags !== 0) putBe32(w, NFTA_CHAIN_FLAGS, flags);
  putBe32(w, NFTA_CHAIN_USE, chain.use);
  if (chain.userData !== null) w.data(NFTA_CHAIN_USERDATA, chain.userData);
}

/** `before`: the rule in front of it, told in lists. */
export function writeRule(w: NetlinkWriter, rule: RuleEntry, before: RuleEntry | undefined): void {
  const { chain } = rule;
  w.string(NFTA_RULE_TABLE, chain.table.name);
  w.string(NFTA_RULE_CHAIN, chain.name);
  putBe64(w, NFTA_RULE_HANDLE, rule.handle);
  if (before !== undefined) putBe64(w, NFTA_RULE_POSITION, before.handle);
  const list = nest(w, NFTA_RULE_EXPRESSIONS);
  for (const part of rule.parts) {
    const element = nest(w, NFTA_LIST_ELEM);
    writeExpression(w, part);
    w.endNest(element);
  }
  w.endNest(list);
  if (rule.userData !== null) w.data(NFTA_RULE_USERDATA, rule.userData);
}

export function writeSet(w: NetlinkWriter, set: SetEntry): void {
  const d = set.description;
  w.string(NFTA_SET_TABLE, set.table.name);
  w.string(NFTA_SET_NAME, set.name);
  putBe64(w, NFTA_SET_HANDLE, set.handle);
  if (d.flags !== 0) putBe32(w, NFTA_SET_FLAGS, d.flags);
  putBe32(w, NFTA_SET_KEY_TYPE, d.keyType);
  putBe32(w, NFTA_SET_KEY_LEN, d.keyLength);
  if ((d.flags & NFT_SET_MAP) !== 0) {
    putBe32(w, NFTA_SET_DATA_TYPE, d.dataType);
    putBe32(w, NFTA_SET_DATA_LEN, d.dataLength);
  }
  if ((d.flags & NFT_SET_OBJECT) !== 0) putBe32(w, NFTA_SET_OBJ_TYPE, d.objectType);
  if (d.timeout !== 0) putBe64(w, NFTA_SET_TIMEOUT, d.timeout);
  if (d.collectInterval !== 0) putBe32(w, NFTA_SET_GC_INTERVAL, d.collectInterval);
  if (d.policy !== 0) putBe32(w, NFTA_SET_POLICY, d.policy);
  if (d.userData !== null) w.data(NFTA_SET_USERDATA, d.userData);
  const shape = nest(w, NFTA_SET_DESC);
  if (set.set.most !== 0) putBe32(w, NFTA_SET_DESC_SIZE, set.set.most);
  if (d.fields.length > 1) {
    const parts = nest(w, NFTA_SET_DESC_CONCAT);
    for (const length of d.fields) {
      const part = nest(w, NFTA_LIST_ELEM);
      putBe32(w, NFTA_SET_FIELD_LEN, length);
      w.endNest(part);
    }
    w.endNest(parts);
  }
  w.endNest(shape);
  if (d.expressions.length === 1) w.data(NFTA_SET_EXPR, d.expressions[0]!);
  else if (d.expressions.length > 1) {
    const list = nest(w, NFTA_SET_EXPRESSIONS);
    for (const bytes of d.expressions) w.data(NFTA_LIST_ELEM, bytes);
    w.endNest(list);
  }
}
