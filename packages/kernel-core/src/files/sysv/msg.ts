import { CAP_SYS_RESOURCE, EINVAL, ENOMEM, EPERM } from '@sandbox/abi';
import { WaitQueue } from '@sandbox/vfs';
import type { Cred } from '../../process/cred/cred.js';
import { IpcIds, IpcObject } from './ids.js';
import type { SysvLimits } from './limits.js';

/** Bytes of all messages of a kernel: they are our memory. */
const TOTAL_BYTES = 32 * 1024 * 1024;
/** What a message takes besides its text, about. */
const OVERHEAD = 96;

export interface Message {
  readonly type: number;
  readonly text: Uint8Array;
}

/** How msgrcv(2) chooses. */
export const SEARCH_ANY = 0;
export const SEARCH_EQUAL = 1;
export const SEARCH_NOTEQUAL = 2;
export const SEARCH_LESSEQUAL = 3;

/** A queue of messages (msgget(2)). */
export class MessageQueue extends IpcObject {
  readonly messages: Message[] = [];
  /** Bytes of text queued. */
  bytes = 0;
  stime = 0;
  rtime = 0;
  ctime = 0;
  lspid = 0;
  lrpid = 0;
  removed = false;
  readonly senders = new WaitQueue();
  readonly receivers = new WaitQueue();

  /** `maxBytes`: of its namespace. */
  constructor(public maxBytes: number) {
    super();
  }

  /** Room for a message of `size` bytes? */
  fits(size: number): boolean {
    return this.bytes + size <= this.maxBytes && this.messages.length + 1 <= this.maxBytes;
  }

  /** Place of the message `mode` and `type` choose, -1 when there is none. */
  search(mode: number, type: number): number {
    const { messages } = this;
    let best = -1;
    for (let i = 0; i < messages.length; i++) {
      const t = messages[i]!.type;
      if (
        mode === SEARCH_ANY ||
        (mode === SEARCH_EQUAL && t === type) ||
        (mode === SEARCH_NOTEQUAL && t !== type)
      ) {
        return i;
      }
      if (mode === SEARCH_LESSEQUAL && t <= type && (best < 0 || t < messages[best]!.type)) best = i;
    }
    return best;
  }

  /** IPC_SET's msg_qbytes; `usual` is what anybody may have. EINVAL, EPERM. */
  setMaxBytes(bytes: number, usual: number, cred: Cred): number {
    if (bytes > usual && !cred.capable(CAP_SYS_RESOURCE)) return -EPERM;
    if (bytes === 0) return -EINVAL;
    this.maxBytes = bytes;
    return 0;
  }
}

/** All message queues of a kernel. */
export class MessageQueues {
  readonly ids: IpcIds<MessageQueue>;
  /** Memory of all messages. */
  private memory = 0;

  constructor(limits: SysvLimits) {
    this.ids = new IpcIds<MessageQueue>(() => limits.msgmni);
  }

  /** Append a message; ENOMEM when the kernel's queues together hold too much. */
  send(queue: MessageQueue, message: Message): number {
    const size = message.text.length + OVERHEAD;
    if (this.memory + size > TOTAL_BYTES) return -ENOMEM;
    this.memory += size;
    queue.messages.push(message);
    queue.bytes += message.text.length;
    return 0;
  }

  /** Take the message at `index`. */
  take(queue: MessageQueue, index: number): Message {
    const [message] = queue.messages.splice(index, 1);
    queue.bytes -= message!.text.length;
    this.memory -= message!.text.length + OVERHEAD;
    return message!;
  }

  destroy(queue: MessageQueue): void {
    this.ids.remove(queue);
    for (const message of queue.messages) this.memory -= message.text.length + OVERHEAD;
    queue.messages.length = 0;
    queue.bytes = 0;
    queue.removed = true;
  }
}
