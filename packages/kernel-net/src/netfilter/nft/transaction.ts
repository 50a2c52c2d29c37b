import { NLM_F_ECHO } from '@sandbox/abi';
import type { NetlinkWriter } from '@sandbox/net';
import type { NetlinkReply, NetlinkRequest } from '../../netlink/domain.js';
import type { RuleEntry } from './objects.js';

/** Tells others of changes. */
export interface Announce {
  /** The message; null: nobody wants to know. */
  write(
    type: number,
    family: number,
    request: NetlinkRequest,
    write: (w: NetlinkWriter) => void,
  ): Uint8Array | null;
  /** `echo`: also to who made the change, wherever he listens. */
  send(bytes: Uint8Array, echo: boolean): void;
}

/**
 * A batch of changes that is made as a whole or not at all. Nothing else runs meanwhile, so each change is
 * made at once and taken back when a later one fails.
 */
export class Transaction {
  private readonly undo: (() => void)[] = [];
  private readonly finish: (() => void)[] = [];
  /** Which message made a rule: it is told when the rule turns out to make no sense. */
  readonly madeBy = new Map<RuleEntry, NetlinkRequest>();
  request!: NetlinkRequest;
  reply!: NetlinkReply;

  constructor(private readonly announce: Announce) {}

  /**
   * Have it told what was changed, when the batch is through: to those who listen, and to who asked for an
   * echo.
   */
  tell(type: number, family: number, write: (w: NetlinkWriter) => void): void {
    const bytes = this.announce.write(type, family, this.request, write);
    if (bytes === null) return;
    const echo = (this.request.flags & NLM_F_ECHO) !== 0;
    this.finish.push(() => this.announce.send(bytes, echo));
  }

  get empty(): boolean {
    return this.undo.length === 0;
  }

  /** What has been done can be taken back by `undo`. */
  did(undo: () => void): void {
    this.undo.push(undo);
  }

  /** Have `work` done when everything went well. */
  atEnd(work: () => void): void {
    this.finish.push(work);
  }

  commit(): void {
    for (const work of this.finish) work();
  }

  abort(): void {
    for (let i = this.undo.length - 1; i >= 0; i--) this.undo[i]!();
  }

  /** Refuse because of an attribute of the request. */
  bad(errno: number, attribute: Uint8Array | undefined): number {
    if (attribute !== undefined) this.reply.offset = attribute.byteOffset - this.request.whole.byteOffset - 4;
    return -errno;
  }
}
