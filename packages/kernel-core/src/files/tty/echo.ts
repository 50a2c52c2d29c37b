import { OPOST } from '@sandbox/abi';
import { BS, CARET } from './chars.js';
import type { Output, OutputSink } from './output.js';
import type { Termios } from './termios.js';

/** Bytes of echo that may wait; a power of two. */
const SIZE = 4096;
/** Echo this much within one piece of input goes out before the piece ends. */
const BLOCK = 256;
/** With more than this waiting, the oldest is dropped. */
const DISCARD_AT = SIZE - (BLOCK + 32);

/** Escape in the echo queue: the byte after it is an operation, or a control character to show as ^X. */
const OP = 0xff;
const OP_MOVE_BACK = 0x80;
const OP_SET_CANON_COLUMN = 0x81;
const OP_ERASE_TAB = 0x82;
/** To erase a tab whose line part begins after an earlier tab. */
const AFTER_TAB = 0x80;

/**
 * Echo on its way out: a queue of bytes and operations, so that echo stays in order with output that found no
 * room, and so that columns are counted when a character really appears.
 *
 * Positions are counted up from 0 and never wrapped: tail <= committed <= marked <= head.
 */
export class Echo {
  private readonly queue = new Uint8Array(SIZE);
  private head = 0;
  private tail = 0;
  /** Up to here it may go out now. */
  private committed = 0;
  /** Up to here it may go out when somebody writes. */
  private marked = 0;

  constructor(
    private readonly termios: Termios,
    private readonly output: Output,
    private readonly sink: OutputSink,
  ) {}

  clear(): void {
    this.head = this.tail = this.committed = this.marked = 0;
  }

  /** More would push out what waits already. */
  get full(): boolean {
    return this.head - this.tail >= DISCARD_AT;
  }

  private add(byte: number): void {
    this.queue[this.head & (SIZE - 1)] = byte;
    this.head++;
  }

  /** A byte as it is. */
  raw(c: number): void {
    if (c === OP) this.add(OP);
    this.add(c);
  }

  /** A character; control characters (TAB apart) as ^X when `visible`. */
  char(c: number, visible: boolean): void {
    if (c === OP) this.add(OP);
    else if (visible) this.add(OP);
    this.add(c);
  }

  /** The input line begins in the present column. */
  setCanonColumn(): void {
    this.add(OP);
    this.add(OP_SET_CANON_COLUMN);
  }

  /** The last byte took no column of its own. */
  moveBack(): void {
    this.add(OP);
    this.add(OP_MOVE_BACK);
  }

  /** Go back over a tab with `count` columns between it and the tab (`afterTab`) or line start before it. */
  eraseTab(count: number, afterTab: boolean): void {
    this.add(OP);
    this.add(OP_ERASE_TAB);
    count &= 7;
    this.add(afterTab ? count | AFTER_TAB : count);
  }

  /** One input character is done: put its echo out if enough has come together. */
  commit(): void {
    this.marked = this.head;
    const before = this.committed - this.tail;
    const waiting = this.head - this.tail;
    if (waiting < BLOCK || waiting % BLOCK > before % BLOCK) return;
    this.committed = this.head;
    this.process();
  }

  /** Put out what was committed: before other output, and when output starts again. */
  flushMarked(): void {
    if (this.marked <= this.tail) return;
    if (this.committed < this.marked) this.committed = this.marked;
    this.process();
  }

  /** A piece of input is done. */
  flush(): void {
    if (this.committed === this.head) return;
    this.committed = this.head;
    this.process();
  }

  private at(pos: number): number {
    return this.queue[pos & (SIZE - 1)]!;
  }

  private process(): void {
    let room = this.sink.writeRoom();
    const post = (this.termios.oflag & OPOST) !== 0;
    let tail = this.tail;
    // A queue that overran may hold half an operation at its end: the next position can lie behind
    // `committed`.
    while (tail < this.committed) {
      const c = this.at(tail);
      let used: number;
      if (c === OP) used = this.operation(tail, room);
      else if (post) used = this.output.char(c, room);
      else used = this.plain(c, room);
      if (used < 0) break;
      room -= used;
      tail += c === OP ? opLength(this.at(tail + 1)) : 1;
    }
    while (this.committed - tail >= DISCARD_AT)
      tail += this.at(tail) === OP ? opLength(this.at(tail + 1)) : 1;
    this.tail = Math.min(tail, this.head);
  }

  private plain(c: number, room: number): number {
    if (room === 0) return -1;
    this.sink.putByte(c);
    return 1;
  }

  /** Do the operation at `tail`. Bytes put out, or -1: no room. */
  private operation(tail: number, room: number): number {
    const op = this.at(tail + 1);
    const output = this.output;
    switch (op) {
      case OP_ERASE_TAB:
        return this.backOverTab(this.at(tail + 2), room);
      case OP_SET_CANON_COLUMN:
        output.canonColumn = output.column;
        return 0;
      case OP_MOVE_BACK:
        if (output.column > 0) output.column--;
        return 0;
      case OP:
        if (room === 0) return -1;
        this.sink.putByte(OP);
        output.column++;
        return 1;
      default:
        if (room < 2) return -1;
        this.sink.putByte(CARET);
        this.sink.putByte(op ^ 0x40);
        output.column += 2;
        return 2;
    }
  }

  private backOverTab(count: number, room: number): number {
    // Columns after an earlier tab count from a multiple of 8; others from where the line began.
    if ((count & AFTER_TAB) === 0) count += this.output.canonColumn;
    const back = 8 - (count & 7);
    if (back > room) return -1;
    for (let i = 0; i < back; i++) {
      this.sink.putByte(BS);
      if (this.output.column > 0) this.output.column--;
    }
    return back;
  }
}

function opLength(op: number): number {
  return op === OP_ERASE_TAB ? 3 : 2;
}
