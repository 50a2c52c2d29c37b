/** What nf_tables keeps for a network namespace. */
import { NFT_CHAIN_BINDING } from '@sandbox/abi';
import type { HookKind, NetlinkWriter, nft } from '@sandbox/net';

/** Something that can be in use: it cannot be deleted as long as it is. */
export interface Used {
  use: number;
}

/** An expression as it was read, and how it is told again. */
export interface ReadExpression {
  readonly name: string;
  readonly expression: nft.Expression;
  /** Attributes as they came in; what `dump` writes instead, where they are not what is told. */
  readonly attributes: Uint8Array;
  readonly dump: ((w: NetlinkWriter) => void) | null;
  /** What it uses while it is there. */
  readonly uses: readonly Used[];
  /** Chains it may lead to, other than through a set. */
  readonly leadsTo: Chain | null;
  readonly set: SetEntry | null;
  /** What the base chains it is reached from must be: their kind, and hooks (bits 1 << HOOK_*). */
  readonly kind: HookKind | null;
  readonly hooks: number;
}

export interface RuleEntry extends nft.Rule {
  readonly handle: number;
  readonly chain: Chain;
  readonly parts: readonly ReadExpression[];
  readonly userData: Uint8Array | null;
  readonly compat: Uint8Array | null;
  /** Number it has within its transaction. */
  readonly id: number | null;
  /** Bytes it is accounted for. */
  readonly size: number;
}

/** Where a base chain is. */
export interface Hook {
  readonly hook: number;
  readonly kind: HookKind;
  readonly base: nft.BaseChain;
}

export class Chain implements nft.Chain, Used {
  readonly rules: RuleEntry[] = [];
  /** Rules, and what leads here. */
  use = 0;
  hooked: Hook | null = null;

  constructor(
    readonly table: Table,
    public name: string,
    readonly handle: number,
    readonly flags: number,
    readonly id: number | null,
    readonly userData: Uint8Array | null,
  ) {}

  /** It belongs to the one rule that leads here. */
  get bound(): boolean {
    return (this.flags & NFT_CHAIN_BINDING) !== 0;
  }
}

export interface SetDescription {
  readonly flags: number;
  readonly keyType: number;
  readonly keyLength: number;
  readonly dataType: number;
  readonly dataLength: number;
  readonly objectType: number;
  readonly policy: number;
  /** Bytes of each part of a key of several. */
  readonly fields: readonly number[];
  /** Ms. */
  readonly timeout: number;
  readonly collectInterval: number;
  readonly userData: Uint8Array | null;
  /** What each element counts by, as they came in. */
  readonly expressions: readonly Uint8Array[];
}

export class SetEntry implements Used {
  use = 0;

  constructor(
    readonly table: Table,
    readonly name: string,
    readonly handle: number,
    readonly id: number,
    readonly description: SetDescription,
    readonly set: nft.NftSet,
  ) {}
}

/** An element as its set has it, with what is told of it and not looked at. */
export interface Element extends nft.SetElement {
  readonly userData: Uint8Array | null;
  /** Ms; null: elements of this set do not time out. */
  timeout: number | null;
  readonly objectEntry: ObjectEntry | null;
  readonly parts: readonly ReadExpression[];
  readonly uses: readonly Used[];
}

export class ObjectEntry implements Used {
  use = 0;
  constructor(
    readonly table: Table,
    readonly name: string,
    readonly handle: number,
    readonly type: number,
    /** Not read again: it counts on while the object is there. */
    readonly state: ReadExpression,
    readonly userData: Uint8Array | null,
  ) {}
}

export class Table {
  readonly chains = new Map<string, Chain>();
  readonly sets = new Map<string, SetEntry>();
  /** By type and name. */
  readonly objects = new Map<string, ObjectEntry>();
  private lastHandle = 0;

  constructor(
    readonly family: number,
    readonly name: string,
    readonly handle: number,
    public flags: number,
    readonly userData: Uint8Array | null,
  ) {}

  nextHandle(): number {
    return ++this.lastHandle;
  }

  get use(): number {
    return this.chains.size + this.sets.size + this.objects.size;
  }
}

export const objectKey = (type: number, name: string): string => `${type} ${name}`;
