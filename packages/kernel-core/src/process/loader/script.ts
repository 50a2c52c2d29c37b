import { BINPRM_BUF_SIZE, ENOEXEC } from '@sandbox/abi';

/** What a `#!` line names. */
export interface ScriptLine {
  readonly interpreter: string;
  /** Everything behind it as one argument, without surrounding blanks; null when there is none. */
  readonly argument: string | null;
}

const HASH = 0x23;
const BANG = 0x21;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;

export function isScript(head: Uint8Array): boolean {
  return head[0] === HASH && head[1] === BANG;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** First byte in [from, to] that is no blank; -1 when all are. */
function skipBlanks(head: Uint8Array, from: number, to: number): number {
  for (let i = from; i <= to; i++) if (!isBlank(head[i]!)) return i;
  return -1;
}

/** First blank or NUL in [from, to]; -1 when there is none. */
function findEnd(head: Uint8Array, from: number, to: number): number {
  for (let i = from; i <= to; i++) if (isBlank(head[i]!) || head[i] === 0) return i;
  return -1;
}

/**
 * Parse the first line of a script (execve(2), "Interpreter scripts"; fs/binfmt_script.c). `head` holds the
 * first BINPRM_BUF_SIZE bytes, zero-filled. An overlong line is cut there, which is -ENOEXEC only when it
 * would cut the interpreter's path. -ENOEXEC too when no interpreter is named; a bare `#!` at the end of the
 * file names the empty path.
 */
export function parseScript(head: Uint8Array): ScriptLine | number {
  const last = BINPRM_BUF_SIZE - 1;
  let end = head.subarray(0, BINPRM_BUF_SIZE).indexOf(NEWLINE);
  const nul = head.subarray(0, BINPRM_BUF_SIZE).indexOf(0);
  if (end < 0 || (nul >= 0 && nul < end)) {
    const word = skipBlanks(head, 2, last);
    if (word < 0) return -ENOEXEC;
    if (findEnd(head, word, last) < 0) return -ENOEXEC;
    end = last;
  }
  while (end > 2 && isBlank(head[end - 1]!)) end--;
  const name = skipBlanks(head, 2, end);
  if (name < 0 || name === end) return -ENOEXEC;
  const separator = findEnd(head, name, end);
  let argument = -1;
  if (separator >= 0 && head[separator] !== 0) argument = skipBlanks(head, separator, end);
  const nameEnd = separator >= 0 ? Math.min(separator, end) : end;
  const interpreter = text(head, name, nameEnd);
  const rest = argument >= 0 && argument < end ? text(head, argument, end) : '';
  return { interpreter, argument: rest === '' ? null : rest };
}

/** Bytes of [from, to) up to a NUL. */
function text(head: Uint8Array, from: number, to: number): string {
  let s = '';
  for (let i = from; i < to && head[i] !== 0; i++) s += String.fromCharCode(head[i]!);
  return s;
}
