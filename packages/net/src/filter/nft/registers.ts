import { NFT_CONTINUE } from '@sandbox/abi';
import type { Visit } from '../rules.js';
import type { Chain } from './chain.js';

/**
 * Sixteen words of four bytes (NFT_REG32_00 on), as packets or this machine order them; and what is to become
 * of the packet.
 */
export class Registers {
  readonly bytes = new Uint8Array(REGISTER_BYTES);
  readonly view = new DataView(this.bytes.buffer);
  /** NFT_CONTINUE, NFT_BREAK, NFT_JUMP, NFT_GOTO, NFT_RETURN, DROP or ACCEPT. */
  verdict: number = NFT_CONTINUE;
  /** Where NFT_JUMP and NFT_GOTO lead. */
  chain: Chain | null = null;

  /** A number as this machine writes it. */
  store(register: number, value: number): void {
    this.view.setUint32(register, value, true);
  }

  /** Fewer bytes than a word: the rest of it is zero. */
  store16(register: number, value: number): void {
    this.view.setUint32(register, 0, true);
    this.view.setUint16(register, value, true);
  }
}

export const REGISTER_BYTES = 64;

/**
 * One step of a rule: it reads and writes registers, and may decide. Whatever it does not want to go on with
 * is NFT_BREAK.
 */
export interface Expression {
  evaluate(registers: Registers, visit: Visit): void;
}
