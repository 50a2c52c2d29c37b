import type { ExpressionContext } from './expressions/context.js';
import { readExpression } from './expressions/read.js';
import type { Table } from './objects.js';
import { FilledRegisters } from './registers.js';
import { chainOf, objectOf, type Ruleset, setOf } from './ruleset.js';

/** Where expressions of a table are read. */
export function contextOf(ruleset: Ruleset, table: Table): ExpressionContext {
  const context: ExpressionContext = {
    stack: ruleset.stack,
    filter: ruleset.filter,
    table,
    family: table.family,
    registers: new FilledRegisters(),
    chain: (name, id) => chainOf(table, name, id),
    set: (name, id) => setOf(table, name, id),
    object: (type, name) => objectOf(table, type, name),
    read: (bytes) => readExpression(bytes, context),
  };
  return context;
}
