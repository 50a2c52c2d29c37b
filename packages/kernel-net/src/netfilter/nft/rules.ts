import {
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  EOPNOTSUPP,
  NFT_MSG_NEWRULE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_CHAIN_ID,
  NFTA_RULE_COMPAT,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_HANDLE,
  NFTA_RULE_ID,
  NFTA_RULE_POSITION,
  NFTA_RULE_POSITION_ID,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
} from '@sandbox/abi';
import { type Attributes, be32, be64, listOf, text } from './attributes.js';
import { contextOf } from './context-of.js';
import { dropRule, dropRules, insert, remove } from './drop.js';
import { readExpression } from './expressions/read.js';
import type { Chain, ReadExpression, RuleEntry } from './objects.js';
import { chainOf, type Ruleset } from './ruleset.js';
import type { Transaction } from './transaction.js';
import { writeRule } from './write.js';

/** NFT_RULE_MAXEXPRS */
const MOST_EXPRESSIONS = 128;
const COST = 256;

/** The rule `handle` of a chain, or the one with a number in the transaction. */
function ruleOf(chain: Chain, handle: number | undefined, id: number | undefined): RuleEntry | undefined {
  return chain.rules.find((rule) => (handle !== undefined ? rule.handle === handle : rule.id === id));
}

export function newRule(ruleset: Ruleset, a: Attributes, family: number, tx: Transaction): number {
  const table = ruleset.table(family, text(a, NFTA_RULE_TABLE));
  if (table === undefined) return tx.bad(ENOENT, a.get(NFTA_RULE_TABLE));
  const name = text(a, NFTA_RULE_CHAIN);
  const chainId = be32(a, NFTA_RULE_CHAIN_ID);
  if (name === undefined && chainId === undefined) return -EINVAL;
  const chain = chainOf(table, name, chainId);
  if (chain === null) return tx.bad(ENOENT, a.get(name === undefined ? NFTA_RULE_CHAIN_ID : NFTA_RULE_CHAIN));
  if (chain.bound && chain.use > chain.rules.length) return -EOPNOTSUPP;
  const { flags } = tx.request;
  const replace = (flags & NLM_F_REPLACE) !== 0;
  let near: RuleEntry | undefined;
  const handle = be64(a, NFTA_RULE_HANDLE);
  if (handle !== undefined) {
    near = ruleOf(chain, handle, undefined);
    if (near === undefined) return tx.bad(ENOENT, a.get(NFTA_RULE_HANDLE));
    if ((flags & NLM_F_EXCL) !== 0) return tx.bad(EEXIST, a.get(NFTA_RULE_HANDLE));
    if (!replace) return -EOPNOTSUPP;
  } else {
    if ((flags & NLM_F_CREATE) === 0 || replace) return -EINVAL;
    const position = be64(a, NFTA_RULE_POSITION);
    const positionId = be32(a, NFTA_RULE_POSITION_ID);
    if (position !== undefined || positionId !== undefined) {
      near = ruleOf(chain, position, positionId);
      if (near === undefined)
        return tx.bad(ENOENT, a.get(position === undefined ? NFTA_RULE_POSITION_ID : NFTA_RULE_POSITION));
    }
  }
  const rule = readRule(ruleset, a, chain, handle ?? table.nextHandle(), tx);
  if (typeof rule === 'number') return rule;
  if (!ruleset.account(rule.size)) return -ENOMEM;
  const at = placeFor(chain, near, (flags & NLM_F_APPEND) !== 0 || replace);
  insert(chain, rule, at);
  tx.did(() => {
    ruleset.account(-rule.size);
    remove(chain, rule);
  });
  tx.madeBy.set(rule, tx.request);
  tx.tell(NFT_MSG_NEWRULE, family, (w) => writeRule(w, rule, chain.rules[at - 1]));
  if (replace && near !== undefined) dropRule(ruleset, near, tx);
  return 0;
}

function placeFor(chain: Chain, near: RuleEntry | undefined, behind: boolean): number {
  if (near === undefined) return behind ? chain.rules.length : 0;
  return chain.rules.indexOf(near) + (behind ? 1 : 0);
}

function readRule(
  ruleset: Ruleset,
  a: Attributes,
  chain: Chain,
  handle: number,
  tx: Transaction,
): RuleEntry | number {
  const context = contextOf(ruleset, chain.table);
  const list = a.get(NFTA_RULE_EXPRESSIONS);
  const items = list === undefined ? [] : listOf(list);
  if (items === null || items.length > MOST_EXPRESSIONS) return -EINVAL;
  const parts: ReadExpression[] = [];
  for (const item of items) {
    const part = readExpression(item, context);
    if (typeof part === 'number') return tx.bad(-part, item);
    parts.push(part);
  }
  const userData = a.get(NFTA_RULE_USERDATA)?.slice() ?? null;
  if (userData !== null && userData.length > 256) return -E2BIG;
  return {
    handle,
    chain,
    parts,
    expressions: parts.map(({ expression }) => expression),
    userData,
    compat: a.get(NFTA_RULE_COMPAT)?.slice() ?? null,
    id: be32(a, NFTA_RULE_ID) ?? null,
    size: COST + (list?.length ?? 0) * 2 + (userData?.length ?? 0),
  };
}

export function deleteRule(
  ruleset: Ruleset,
  a: Attributes,
  family: number,
  tx: Transaction,
  destroy = false,
): number {
  const table = ruleset.table(family, text(a, NFTA_RULE_TABLE));
  if (table === undefined) return tx.bad(ENOENT, a.get(NFTA_RULE_TABLE));
  const name = text(a, NFTA_RULE_CHAIN);
  if (name === undefined) {
    if (a.has(NFTA_RULE_HANDLE)) return -EINVAL;
    for (const chain of table.chains.values()) if (!chain.bound) dropRules(ruleset, chain, tx);
    return 0;
  }
  const chain = table.chains.get(name);
  if (chain === undefined) return destroy ? 0 : tx.bad(ENOENT, a.get(NFTA_RULE_CHAIN));
  if (chain.bound) return -EOPNOTSUPP;
  const handle = be64(a, NFTA_RULE_HANDLE);
  const id = be32(a, NFTA_RULE_ID);
  if (handle === undefined && id === undefined) {
    dropRules(ruleset, chain, tx);
    return 0;
  }
  const rule = ruleOf(chain, handle, id);
  if (rule === undefined)
    return destroy ? 0 : tx.bad(ENOENT, a.get(handle === undefined ? NFTA_RULE_ID : NFTA_RULE_HANDLE));
  dropRule(ruleset, rule, tx);
  return 0;
}
