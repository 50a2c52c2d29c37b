import { ERRNO_NAMES } from '@sandbox/abi';

/** A call on the stack failed, as Node's own network errors look: `code` is `'ECONNREFUSED'` and the like. */
export class StackError extends Error {
  override readonly name = 'StackError';
  readonly code: string;

  /** @param errno positive */
  constructor(
    readonly syscall: string,
    readonly errno: number,
    readonly address?: string,
  ) {
    const code = ERRNO_NAMES[errno] ?? `E${errno}`;
    super(`${syscall} ${code}${address === undefined ? '' : ` ${address}`}`);
    this.code = code;
  }
}
