import { IORING_OP_LAST } from '@sandbox/abi';
import type { Operation, Operations } from '../operation.js';
import { cancels } from './cancels.js';
import { files } from './files.js';
import { messages } from './messages.js';
import { polls } from './polls.js';
import { sockets } from './sockets.js';
import { tables } from './tables.js';
import { timeouts } from './timeouts.js';
import { transfers } from './transfer.js';
import { waits } from './waits.js';

function assemble(): Operations {
  const all: (Operation | undefined)[] = new Array(IORING_OP_LAST).fill(undefined);
  for (const rows of [transfers, sockets, messages, files, waits, polls, timeouts, cancels, tables])
    for (const [opcode, operation] of rows) all[opcode] = operation;
  return all;
}

/** Every operation there is. */
export const OPERATIONS = assemble();
