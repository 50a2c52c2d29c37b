/** What nf_tables answers when it is asked for what there is: NFT_MSG_GET*, one thing or all of them. */
import {
  EINVAL,
  ENOENT,
  NFT_MSG_GETOBJ_RESET,
  NFT_MSG_GETRULE_RESET,
  NFT_MSG_GETSETELEM_RESET,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_CHAIN_TABLE,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TABLE,
  NFTA_OBJ_TYPE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_HANDLE,
  NFTA_RULE_TABLE,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NFTA_TABLE_NAME,
} from '@sandbox/abi';
import { type NetlinkWriter, nft } from '@sandbox/net';
import { type Attributes, be32, be64, numberedListOf, text } from './attributes.js';
import { findChain } from './chains.js';
import { beginElements, findElement, writeElement } from './elements.js';
import { findObject, writeObject } from './named-objects.js';
import type { Element, ObjectEntry, ReadExpression } from './objects.js';
import type { Ruleset } from './ruleset.js';
import { findTable, writeTable } from './tables.js';
import { writeChain, writeRule, writeSet } from './write.js';

/** A request for what there is. */
export interface Query {
  readonly ruleset: Ruleset;
  readonly attributes: Attributes;
  readonly family: number;
  /** All of it, not one. */
  readonly dump: boolean;
  /** NFT_MSG_GET*: some of them begin to count anew. */
  readonly type: number;
  /** Have a message written. */
  tell(type: number, family: number, write: (w: NetlinkWriter) => void): void;
}

export function getTable({ ruleset, attributes: a, family, dump, tell }: Query): number {
  if (dump) {
    for (const table of ruleset.tablesOf(family))
      tell(NFT_MSG_NEWTABLE, table.family, (w) => writeTable(w, table));
    return 0;
  }
  const table = findTable(ruleset, a, family);
  if (table === undefined) return a.has(NFTA_TABLE_NAME) ? -ENOENT : -EINVAL;
  tell(NFT_MSG_NEWTABLE, table.family, (w) => writeTable(w, table));
  return 0;
}

export function getChain({ ruleset, attributes: a, family, dump, tell }: Query): number {
  if (dump) {
    for (const table of ruleset.tablesOf(family))
      for (const chain of table.chains.values())
        tell(NFT_MSG_NEWCHAIN, table.family, (w) => writeChain(w, chain));
    return 0;
  }
  const table = ruleset.table(family, text(a, NFTA_CHAIN_TABLE));
  const chain = table === undefined ? undefined : findChain(table, a)[0];
  if (chain === undefined) return -ENOENT;
  tell(NFT_MSG_NEWCHAIN, family, (w) => writeChain(w, chain));
  return 0;
}

export function getRule({ ruleset, attributes: a, family, dump, type, tell }: Query): number {
  const inTable = text(a, NFTA_RULE_TABLE);
  const inChain = text(a, NFTA_RULE_CHAIN);
  const handle = be64(a, NFTA_RULE_HANDLE);
  let found = dump;
  for (const table of ruleset.tablesOf(family)) {
    if (inTable !== undefined && table.name !== inTable) continue;
    for (const chain of table.chains.values()) {
      if (inChain !== undefined && chain.name !== inChain) continue;
      chain.rules.forEach((rule, i) => {
        if (!dump && rule.handle !== handle) return;
        found = true;
        tell(NFT_MSG_NEWRULE, table.family, (w) => writeRule(w, rule, chain.rules[i - 1]));
        if (type === NFT_MSG_GETRULE_RESET) for (const part of rule.parts) reset(part);
      });
    }
  }
  return found ? 0 : -ENOENT;
}

/** Begin to count anew. */
function reset({ expression }: Pick<ReadExpression, 'expression'>): void {
  if (expression instanceof nft.Counter) expression.packets = expression.bytes = 0;
  else if (expression instanceof nft.Quota) expression.consumed = 0;
}

export function getSet({ ruleset, attributes: a, family, dump, tell }: Query): number {
  const inTable = text(a, NFTA_SET_TABLE);
  if (dump) {
    for (const table of ruleset.tablesOf(family)) {
      if (inTable !== undefined && table.name !== inTable) continue;
      for (const set of table.sets.values()) tell(NFT_MSG_NEWSET, table.family, (w) => writeSet(w, set));
    }
    return 0;
  }
  const set = ruleset.table(family, inTable)?.sets.get(text(a, NFTA_SET_NAME) ?? '');
  if (set === undefined) return -ENOENT;
  tell(NFT_MSG_NEWSET, family, (w) => writeSet(w, set));
  return 0;
}

/** Elements in one message: attributes have 16 bits of length. */
const ELEMENTS_AT_ONCE = 64;

export function getElements({ ruleset, attributes: a, family, dump, type, tell }: Query): number {
  const table = ruleset.table(family, text(a, NFTA_SET_ELEM_LIST_TABLE));
  const set = table?.sets.get(text(a, NFTA_SET_ELEM_LIST_SET) ?? '');
  if (set === undefined) return -ENOENT;
  const now = ruleset.stack.now();
  const resets = type === NFT_MSG_GETSETELEM_RESET;
  const some = (elements: readonly Element[]): void =>
    tell(NFT_MSG_NEWSETELEM, family, (w) => {
      const list = beginElements(w, set);
      for (const element of elements) {
        writeElement(w, set, element, now);
        if (resets) for (const part of element.parts) reset(part);
      }
      w.endNest(list);
    });
  if (dump) {
    const all = [...set.set.all()] as Element[];
    for (let i = 0; i < all.length; i += ELEMENTS_AT_ONCE) some(all.slice(i, i + ELEMENTS_AT_ONCE));
    return 0;
  }
  const list = a.get(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (list === undefined) return -EINVAL;
  for (const item of numberedListOf(list)) {
    const element = findElement(set, item);
    if (element === undefined) return -ENOENT;
    some([element]);
  }
  return 0;
}

export function getObject({ ruleset, attributes: a, family, dump, type, tell }: Query): number {
  const inTable = text(a, NFTA_OBJ_TABLE);
  const kind = be32(a, NFTA_OBJ_TYPE);
  const one = (object: ObjectEntry): void => {
    tell(NFT_MSG_NEWOBJ, object.table.family, (w) => writeObject(w, object));
    if (type === NFT_MSG_GETOBJ_RESET) reset(object.state);
  };
  if (dump) {
    for (const table of ruleset.tablesOf(family)) {
      if (inTable !== undefined && table.name !== inTable) continue;
      for (const object of table.objects.values())
        if (kind === undefined || kind === 0 || object.type === kind) one(object);
    }
    return 0;
  }
  if (!a.has(NFTA_OBJ_NAME) || kind === undefined) return -EINVAL;
  const table = ruleset.table(family, inTable);
  const object = table === undefined ? undefined : findObject(table, a);
  if (object === undefined) return -ENOENT;
  one(object);
  return 0;
}
