import type { Netfilter, NetlinkWriter, NetStack, nft } from '@sandbox/net';
import type { Attributes } from '../attributes.js';
import type { Chain, ObjectEntry, ReadExpression, SetEntry, Table } from '../objects.js';
import type { FilledRegisters } from '../registers.js';

/** Where an expression stands, and what it may ask for. */
export interface ExpressionContext {
  readonly stack: NetStack;
  readonly filter: Netfilter;
  readonly table: Table;
  /** AF_INET, AF_INET6, or NFPROTO_INET for both. */
  readonly family: number;
  readonly registers: FilledRegisters;
  /** By name, or by number within the transaction. */
  chain(name: string | undefined, id: number | undefined): Chain | null;
  set(name: string | undefined, id: number | undefined): SetEntry | null;
  object(type: number, name: string): ObjectEntry | null;
  /** Read one expression (the content of an NFTA_LIST_ELEM). */
  read(bytes: Uint8Array): ReadExpression | number;
}

/** What a reader finds: the expression, and what else is to be known of it. */
export interface Found {
  readonly expression: nft.Expression;
  readonly dump?: (w: NetlinkWriter) => void;
  readonly uses?: ReadExpression['uses'];
  readonly leadsTo?: Chain | null;
  readonly set?: SetEntry;
  readonly kind?: ReadExpression['kind'];
  readonly hooks?: number;
}

/**
 * Reads the attributes of one kind of expression. -errno: they make no sense, or ask for what is not there.
 */
export type Reader = (attributes: Attributes, context: ExpressionContext) => Found | number;
