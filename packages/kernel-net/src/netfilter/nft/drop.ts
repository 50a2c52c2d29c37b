/** What is taken away, and what goes with it. Each can be taken back by the transaction. */
import {
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_SET_ANONYMOUS,
  NFT_TABLE_F_DORMANT,
} from '@sandbox/abi';
import type { Chain, Element, RuleEntry, SetDescription, SetEntry } from './objects.js';
import { type Ruleset, using } from './ruleset.js';
import type { Transaction } from './transaction.js';
import { writeChain, writeRule, writeSet } from './write.js';

/** What chains and sets cost beside what the user wrote to them. */
const CHAIN_COST = 512;
const SET_COST = 1024;

export const sizeOf = (chain: Chain): number => CHAIN_COST + (chain.userData?.length ?? 0);

/** Have a base chain see packets. */
export function hookIn(ruleset: Ruleset, chain: Chain): void {
  const { hooked, table } = chain;
  if (hooked === null || (table.flags & NFT_TABLE_F_DORMANT) !== 0) return;
  const { hook, kind, base } = hooked;
  if (table.family !== NFPROTO_IPV6) ruleset.filter.attach(true, hook, kind, base);
  if (table.family !== NFPROTO_IPV4) ruleset.filter.attach(false, hook, kind, base);
}

export function hookOut(ruleset: Ruleset, { hooked }: Chain): void {
  if (hooked === null) return;
  ruleset.filter.detach(true, hooked.hook, hooked.base);
  ruleset.filter.detach(false, hooked.hook, hooked.base);
}

/** Put a rule into its chain, and use what it uses. */
export function insert(chain: Chain, rule: RuleEntry, at: number): void {
  chain.rules.splice(at, 0, rule);
  chain.use++;
  for (const part of rule.parts) using(part.uses, 1);
}

/** The opposite. Where it was. */
export function remove(chain: Chain, rule: RuleEntry): number {
  const at = chain.rules.indexOf(rule);
  chain.rules.splice(at, 1);
  chain.use--;
  for (const part of rule.parts) using(part.uses, -1);
  return at;
}

/** With it go the sets and chains that were its own. */
export function dropRule(ruleset: Ruleset, rule: RuleEntry, tx: Transaction): void {
  const { chain } = rule;
  const at = remove(chain, rule);
  ruleset.account(-rule.size);
  tx.did(() => {
    ruleset.account(rule.size);
    insert(chain, rule, at);
  });
  tx.tell(NFT_MSG_DELRULE, chain.table.family, (w) => writeRule(w, rule, undefined));
  for (const { set, leadsTo } of rule.parts) {
    if (set !== null && isAnonymous(set) && set.use === 0) dropSet(ruleset, set, tx);
    if (leadsTo?.bound) {
      dropRules(ruleset, leadsTo, tx);
      dropChain(ruleset, leadsTo, tx);
    }
  }
}

export function dropRules(ruleset: Ruleset, chain: Chain, tx: Transaction): void {
  for (const rule of [...chain.rules].reverse()) dropRule(ruleset, rule, tx);
}

/** Nothing leads to it any more. */
export function dropChain(ruleset: Ruleset, chain: Chain, tx: Transaction): void {
  const { table } = chain;
  if (!table.chains.delete(chain.name)) return;
  hookOut(ruleset, chain);
  ruleset.account(-sizeOf(chain));
  tx.did(() => {
    ruleset.account(sizeOf(chain));
    table.chains.set(chain.name, chain);
    hookIn(ruleset, chain);
  });
  tx.tell(NFT_MSG_DELCHAIN, table.family, (w) => writeChain(w, chain));
}

export function isAnonymous({ description }: SetEntry): boolean {
  return (description.flags & NFT_SET_ANONYMOUS) !== 0;
}

/** Nobody uses it any more. */
export function dropSet(ruleset: Ruleset, set: SetEntry, tx: Transaction): void {
  const { table, description } = set;
  if (table.sets.get(set.name) !== set) return;
  table.sets.delete(set.name);
  const elements = [...set.set.all()] as Element[];
  for (const element of elements) using(element.uses, -1);
  ruleset.account(-costOf(description));
  tx.atEnd(() => set.set.dispose());
  tx.did(() => {
    ruleset.account(costOf(description));
    for (const element of elements) using(element.uses, 1);
    table.sets.set(set.name, set);
  });
  if (!isAnonymous(set)) tx.tell(NFT_MSG_DELSET, table.family, (w) => writeSet(w, set));
}

/** What a set costs beside its elements. */
export function costOf({ expressions, userData }: SetDescription): number {
  return SET_COST + (userData?.length ?? 0) + expressions.reduce((sum, bytes) => sum + bytes.length, 0);
}
