import { EINVAL, ENODATA, ERANGE, NFT_REG_4, NFT_REG32_00, NFT_REG32_15 } from '@sandbox/abi';
import { nft } from '@sandbox/net';
import { type Attributes, be32 } from './attributes.js';

/** Which words of the registers a rule has filled so far: what was not is not read. */
export class FilledRegisters {
  private words = 0;

  /** A register to be read, as an offset into them. -EINVAL, -ERANGE, -ENODATA. */
  read(attributes: Attributes, type: number, length: number): number {
    const at = place(attributes, type);
    if (at < 0) return at;
    if (length === 0) return -EINVAL;
    if (at + length > nft.REGISTER_BYTES) return -ERANGE;
    const mask = maskOf(at, length);
    return (this.words & mask) === mask ? at : -ENODATA;
  }

  /** A register to be written. */
  write(attributes: Attributes, type: number, length: number): number {
    const at = place(attributes, type);
    if (at < 0) return at;
    if (length === 0) return -EINVAL;
    if (at + length > nft.REGISTER_BYTES) return -ERANGE;
    this.words |= maskOf(at, length);
    return at;
  }
}

function maskOf(at: number, length: number): number {
  const count = (length + 3) >> 2;
  return ((2 ** count - 1) * 2 ** (at >> 2)) | 0;
}

/** NFT_REG_1 to 4 are 16 bytes each, NFT_REG32_00 to 15 lie over them. */
function place(attributes: Attributes, type: number): number {
  const number = be32(attributes, type);
  if (number === undefined || number === 0) return -EINVAL;
  if (number <= NFT_REG_4) return (number - 1) * 16;
  if (number >= NFT_REG32_00 && number <= NFT_REG32_15) return (number - NFT_REG32_00) * 4;
  return -ERANGE;
}
