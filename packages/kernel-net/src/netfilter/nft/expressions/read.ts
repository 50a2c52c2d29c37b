import { EINVAL, ENOENT, NFTA_EXPR_DATA, NFTA_EXPR_NAME } from '@sandbox/abi';
import { type NetlinkWriter, parseAttributes } from '@sandbox/net';
import { nest, text } from '../attributes.js';
import type { ReadExpression } from '../objects.js';
import { ACTIONS } from './actions.js';
import type { ExpressionContext, Reader } from './context.js';
import { PACKET } from './packet.js';
import { SETS } from './sets.js';
import { STATEFUL } from './stateful.js';
import { VALUES } from './values.js';

const READERS: ReadonlyMap<string, Reader> = new Map([
  ...VALUES,
  ...PACKET,
  ...STATEFUL,
  ...SETS,
  ...ACTIONS,
]);
const ALL_HOOKS = 0x1f;
const NOTHING = new Uint8Array(0);

/** Read an expression: its name and attributes. -ENOENT: there is none of that name. */
export function readExpression(bytes: Uint8Array, context: ExpressionContext): ReadExpression | number {
  const attributes = parseAttributes(bytes, 0);
  const name = text(attributes, NFTA_EXPR_NAME);
  if (name === undefined) return -EINVAL;
  return readState(name, attributes.get(NFTA_EXPR_DATA) ?? NOTHING, context);
}

/** The same, where the name is known: named objects are such expressions. */
export function readState(
  name: string,
  data: Uint8Array,
  context: ExpressionContext,
): ReadExpression | number {
  const reader = READERS.get(name);
  if (reader === undefined) return -ENOENT;
  const found = reader(parseAttributes(data, 0), context);
  if (typeof found === 'number') return found;
  return {
    name,
    expression: found.expression,
    attributes: data.slice(),
    dump: found.dump ?? null,
    uses: found.uses ?? [],
    leadsTo: found.leadsTo ?? null,
    set: found.set ?? null,
    kind: found.kind ?? null,
    hooks: found.hooks ?? ALL_HOOKS,
  };
}

/** Tell an expression: NFTA_EXPR_NAME and NFTA_EXPR_DATA. */
export function writeExpression(w: NetlinkWriter, part: ReadExpression): void {
  w.string(NFTA_EXPR_NAME, part.name);
  const data = nest(w, NFTA_EXPR_DATA);
  writeState(w, part);
  w.endNest(data);
}

export function writeState(w: NetlinkWriter, part: ReadExpression): void {
  if (part.dump !== null) part.dump(w);
  else w.raw(part.attributes);
}
