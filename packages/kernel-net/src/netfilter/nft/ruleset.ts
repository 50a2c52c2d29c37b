import { EMLINK, EOPNOTSUPP } from '@sandbox/abi';
import { HOOKS, type HookKind, type Netfilter, type NetStack, nft } from '@sandbox/net';
import type { Chain, Element, ObjectEntry, RuleEntry, SetEntry, Table, Used } from './objects.js';
import { objectKey } from './objects.js';

/** Bytes of rules, and elements of sets, a guest may have the embedder keep. */
const MOST_BYTES = 16 << 20;
const MOST_ELEMENTS = 262_144;

/** All nf_tables of a network namespace. */
export class Ruleset {
  readonly tables: Table[] = [];
  /** Counts changes; never 0. */
  generation = 1;
  /** Who made the last one. */
  changedBy = { pid: 0, name: '' };
  private lastTable = 0;
  private lastBound = 0;
  private held = 0;
  readonly elementRoom: nft.ElementRoom = { left: MOST_ELEMENTS };

  constructor(
    readonly stack: NetStack,
    readonly filter: Netfilter,
  ) {}

  nextTable(): number {
    return ++this.lastTable;
  }
  /** A name for a chain that belongs to one rule. */
  nextBoundName(): string {
    return `__chain${++this.lastBound}`;
  }

  /** Account for `size` bytes more (or less). false: that is too much. */
  account(size: number): boolean {
    if (size > 0 && this.held + size > MOST_BYTES) return false;
    this.held += size;
    return true;
  }

  table(family: number, name: string | undefined): Table | undefined {
    return this.tables.find((table) => table.family === family && table.name === name);
  }

  /** Tables of a family (0: all). */
  tablesOf(family: number): Table[] {
    return this.tables.filter((table) => family === 0 || table.family === family);
  }
}

export function chainOf(table: Table, name: string | undefined, id: number | undefined): Chain | null {
  if (name !== undefined) return table.chains.get(name) ?? null;
  if (id === undefined) return null;
  for (const chain of table.chains.values()) if (chain.id === id) return chain;
  return null;
}

/** A set by name; else by its number in the transaction, the latest first. */
export function setOf(table: Table, name: string | undefined, id: number | undefined): SetEntry | null {
  const named = name === undefined ? undefined : table.sets.get(name);
  if (named !== undefined) return named;
  if (id === undefined) return null;
  let found: SetEntry | null = null;
  for (const set of table.sets.values()) if (set.id === id) found = set;
  return found;
}

export function objectOf(table: Table, type: number, name: string): ObjectEntry | null {
  return table.objects.get(objectKey(type, name)) ?? null;
}

export function using(all: readonly Used[], by: 1 | -1): void {
  for (const used of all) used.use += by;
}

/** Where packets that are at `chain` may go on, by `rule`. */
function* leads(rule: RuleEntry): Generator<Chain> {
  for (const part of rule.parts) {
    if (part.leadsTo !== null) yield part.leadsTo;
    if (part.set === null) continue;
    for (const element of part.set.set.all()) {
      const chain = (element as Element).verdict?.chain;
      if (chain !== undefined && chain !== null) yield chain as Chain;
    }
  }
}

/** A rule that makes no sense, and why. */
export interface Bad {
  readonly rule: RuleEntry;
  readonly errno: number;
}

/**
 * Do chains of a table lead to each other no deeper than may be, and do all rules stand where they can
 * (nft_table_validate)?
 */
export function validate(table: Table): Bad | null {
  const heights = new Map<Chain, number>();
  for (const chain of table.chains.values()) {
    const { hooked } = chain;
    if (hooked === null) continue;
    const deep = height(chain, 0, heights);
    if (typeof deep !== 'number') return deep;
    const bad = misplaced(chain, hooked.kind, hooked.hook, new Set());
    if (bad !== null) return bad;
  }
  return null;
}

/** How many jumps deep a chain leads. One that comes back to itself is too deep. */
function height(chain: Chain, depth: number, known: Map<Chain, number>): number | Bad {
  const before = known.get(chain);
  if (before !== undefined) return before;
  let most = 0;
  for (const rule of chain.rules) {
    for (const next of leads(rule)) {
      if (depth + 1 >= nft.JUMP_DEPTH) return { rule, errno: EMLINK };
      const below = height(next, depth + 1, known);
      if (typeof below !== 'number') return below;
      most = Math.max(most, below + 1);
      if (depth + most >= nft.JUMP_DEPTH) return { rule, errno: EMLINK };
    }
  }
  known.set(chain, most);
  return most;
}

function misplaced(chain: Chain, kind: HookKind, hook: number, seen: Set<Chain>): Bad | null {
  if (seen.has(chain)) return null;
  seen.add(chain);
  for (const rule of chain.rules) {
    for (const part of rule.parts)
      if ((part.kind !== null && part.kind !== kind) || (part.hooks & (1 << hook)) === 0)
        return { rule, errno: EOPNOTSUPP };
    for (const next of leads(rule)) {
      const bad = misplaced(next, kind, hook, seen);
      if (bad !== null) return bad;
    }
  }
  return null;
}

/** Hooks at which a kind of base chain can be. */
export const KIND_HOOKS: ReadonlyMap<string, { readonly kind: HookKind; readonly hooks: number }> = new Map([
  ['filter', { kind: 'filter', hooks: (1 << HOOKS) - 1 }],
  ['route', { kind: 'route', hooks: 1 << 3 }],
  ['nat', { kind: 'nat', hooks: 0x1b }],
]);
