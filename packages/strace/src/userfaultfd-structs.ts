/** Commands of userfaultfd(2), their structs as strace(1) prints them. */
import {
  UFFDIO_API,
  UFFDIO_API_STRUCT,
  UFFDIO_CONTINUE,
  UFFDIO_CONTINUE_STRUCT,
  UFFDIO_COPY,
  UFFDIO_COPY_STRUCT,
  UFFDIO_MOVE,
  UFFDIO_MOVE_STRUCT,
  UFFDIO_POISON,
  UFFDIO_POISON_STRUCT,
  UFFDIO_RANGE,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_STRUCT,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_WRITEPROTECT,
  UFFDIO_WRITEPROTECT_STRUCT,
  UFFDIO_ZEROPAGE,
  UFFDIO_ZEROPAGE_STRUCT,
} from '@sandbox/abi';
import { type Call, hex64, num64, structAt } from './call.js';
import { bits, named } from './names.js';

const FEATURES = named('UFFD_FEATURE_');
const COMMANDS = named('_UFFDIO_');
const REGISTER_MODES = named('UFFDIO_REGISTER_MODE_');

/** A set of commands, by their numbers. */
function commands(v: DataView, offset: number): string {
  const sets = [v.getUint32(offset, true), v.getUint32(offset + 4, true)];
  const known = COMMANDS.filter(([, n]) => ((sets[n >> 5] >>> (n & 31)) & 1) === 1).map(
    ([name]) => `1<<${name}`,
  );
  return known.length === 0 ? '0' : known.join('|');
}

const range = (v: DataView): string =>
  `{start=${hex64(v, UFFDIO_RANGE.start)}, len=${hex64(v, UFFDIO_RANGE.len)}}`;

/** A command on a range: what its modes are called, and what it answers. */
interface RangeCommand {
  readonly size: number;
  readonly mode: number;
  readonly modes: ReturnType<typeof named>;
  readonly answer?: string;
  readonly at?: number;
}

const RANGES: Readonly<Record<number, RangeCommand>> = {
  [UFFDIO_ZEROPAGE]: {
    size: UFFDIO_ZEROPAGE_STRUCT.SIZE,
    mode: UFFDIO_ZEROPAGE_STRUCT.mode,
    modes: named('UFFDIO_ZEROPAGE_MODE_'),
    answer: 'zeropage',
    at: UFFDIO_ZEROPAGE_STRUCT.zeropage,
  },
  [UFFDIO_CONTINUE]: {
    size: UFFDIO_CONTINUE_STRUCT.SIZE,
    mode: UFFDIO_CONTINUE_STRUCT.mode,
    modes: named('UFFDIO_CONTINUE_MODE_'),
    answer: 'mapped',
    at: UFFDIO_CONTINUE_STRUCT.mapped,
  },
  [UFFDIO_POISON]: {
    size: UFFDIO_POISON_STRUCT.SIZE,
    mode: UFFDIO_POISON_STRUCT.mode,
    modes: named('UFFDIO_POISON_MODE_'),
    answer: 'updated',
    at: UFFDIO_POISON_STRUCT.updated,
  },
  [UFFDIO_WRITEPROTECT]: {
    size: UFFDIO_WRITEPROTECT_STRUCT.SIZE,
    mode: UFFDIO_WRITEPROTECT_STRUCT.mode,
    modes: named('UFFDIO_WRITEPROTECT_MODE_'),
  },
};

const COPY_MODES = named('UFFDIO_COPY_MODE_');
const MOVE_MODES = named('UFFDIO_MOVE_MODE_');

/** From somewhere to somewhere: UFFDIO_COPY and UFFDIO_MOVE, whose structs are alike. */
function transfer(v: DataView, c: Call, modes: ReturnType<typeof named>, answer: string): string {
  const s = UFFDIO_COPY_STRUCT;
  const ends = `dst=${hex64(v, s.dst)}, src=${hex64(v, s.src)}, len=${hex64(v, s.len)}`;
  const done = c.failed ? '' : `, ${answer}=${hex64(v, s.copy)}`;
  return `{${ends}, mode=${bits(modes, num64(v, s.mode))}${done}}`;
}

/**
 * The argument of command `cmd` of a userfaultfd; null: it is none. Of UFFDIO_API what was asked for has been
 * overwritten.
 */
export function userfaultfdArgument(c: Call, cmd: number, addr: number): string | null {
  const ranged = RANGES[cmd];
  if (ranged !== undefined)
    return structAt(c, addr, ranged.size, (v) => {
      const { at } = ranged;
      const number = at === undefined ? '' : ranged.answer === 'zeropage' ? hex64(v, at) : num64(v, at);
      const done = c.failed || at === undefined ? '' : `, ${ranged.answer}=${number}`;
      return `{range=${range(v)}, mode=${bits(ranged.modes, num64(v, ranged.mode))}${done}}`;
    });
  switch (cmd) {
    case UFFDIO_API:
      return structAt(c, addr, UFFDIO_API_STRUCT.SIZE, (v) => {
        const s = UFFDIO_API_STRUCT;
        const known = c.failed ? '' : `, ioctls=${commands(v, s.ioctls)}`;
        return `{api=${hex64(v, s.api)}, features=${bits(FEATURES, num64(v, s.features))}${known}}`;
      });
    case UFFDIO_REGISTER:
      return structAt(c, addr, UFFDIO_REGISTER_STRUCT.SIZE, (v) => {
        const s = UFFDIO_REGISTER_STRUCT;
        const known = c.failed ? '' : `, ioctls=${commands(v, s.ioctls)}`;
        return `{range=${range(v)}, mode=${bits(REGISTER_MODES, num64(v, s.mode))}${known}}`;
      });
    case UFFDIO_UNREGISTER:
    case UFFDIO_WAKE:
      return structAt(c, addr, UFFDIO_RANGE.SIZE, range);
    case UFFDIO_COPY:
      return structAt(c, addr, UFFDIO_COPY_STRUCT.SIZE, (v) => transfer(v, c, COPY_MODES, 'copy'));
    case UFFDIO_MOVE:
      return structAt(c, addr, UFFDIO_MOVE_STRUCT.SIZE, (v) => transfer(v, c, MOVE_MODES, 'move'));
    default:
      return null;
  }
}
