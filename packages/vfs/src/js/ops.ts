/** What a handler may answer: at once, or later. While a promise is open only the program that asked waits. */
export type Answer<T> = T | Promise<T>;

/** A read or write of a guest. */
export interface JsRequest {
  /** Where in the file; 0 where the file has no positions. */
  readonly offset: number;
  /** Bytes wanted, or brought. */
  readonly length: number;
  /** Aborted when nobody waits for the answer any more: the program closed the file or was killed. */
  readonly signal: AbortSignal;
}

/**
 * A file of one's own: handlers in JavaScript, called when a guest reads or writes. What one throws (or rejects with) becomes the guest's
 * errno where it has a `code` of node:fs ('ENOSPC'), else EIO.
 */
export interface JsFileHandlers {
  /** At most `length` bytes (what is more is cut off); empty: the end. Without it reading is EINVAL. */
  read?(request: JsRequest): Answer<Uint8Array | string>;
  /** Takes `data`. A number, or a promise of one, says how many bytes of it; nothing: all. Without it writing is EINVAL. */
  write?(data: Uint8Array, request: JsRequest): unknown;
  /** Permission bits; default 0o666 less what there is no handler for. */
  mode?: number;
  uid?: number;
  gid?: number;
  /** st_size; a number, or asked for at each stat(2). Default 0, as in /proc. */
  size?: number | (() => number);
  /** ms until an answer that does not come is EIO; default none. */
  timeout?: number;
}

const FILE = Symbol('file');
const DEVICE = Symbol('device');

/** A regular file made of handlers: it has positions, `pread` and `lseek` work. */
export interface JsFile {
  readonly [FILE]: JsFileHandlers;
}
/** A character device made of handlers: a stream without positions. */
export interface JsDevice {
  readonly [DEVICE]: JsFileHandlers;
}

export function jsFile(handlers: JsFileHandlers): JsFile {
  return { [FILE]: handlers };
}
export function jsDevice(handlers: JsFileHandlers): JsDevice {
  return { [DEVICE]: handlers };
}

/** A directory of a `jsfs`: names to directories, handlers, or fixed content. */
export interface JsDirectory {
  readonly [name: string]: JsDirectory | JsFile | JsDevice | Uint8Array | string;
}

/** The handlers of an entry, or null for what is none of ours. */
export function fileHandlers(entry: object): JsFileHandlers | null {
  return FILE in entry ? (entry as JsFile)[FILE] : null;
}
export function deviceHandlers(entry: object): JsFileHandlers | null {
  return DEVICE in entry ? (entry as JsDevice)[DEVICE] : null;
}
