/** Expressions that work on registers alone. */
import {
  EINVAL,
  EOPNOTSUPP,
  EOVERFLOW,
  ERANGE,
  NFT_BITWISE_LSHIFT,
  NFT_BITWISE_MASK_XOR,
  NFT_BITWISE_RSHIFT,
  NFT_BYTEORDER_HTON,
  NFT_CMP_GTE,
  NFT_NG_INCREMENTAL,
  NFT_NG_RANDOM,
  NFT_RANGE_NEQ,
  NFTA_BITWISE_DATA,
  NFTA_BITWISE_DREG,
  NFTA_BITWISE_LEN,
  NFTA_BITWISE_MASK,
  NFTA_BITWISE_OP,
  NFTA_BITWISE_SREG,
  NFTA_BITWISE_XOR,
  NFTA_BYTEORDER_DREG,
  NFTA_BYTEORDER_LEN,
  NFTA_BYTEORDER_OP,
  NFTA_BYTEORDER_SIZE,
  NFTA_BYTEORDER_SREG,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_NG_DREG,
  NFTA_NG_MODULUS,
  NFTA_NG_OFFSET,
  NFTA_NG_TYPE,
  NFTA_RANGE_FROM_DATA,
  NFTA_RANGE_OP,
  NFTA_RANGE_SREG,
  NFTA_RANGE_TO_DATA,
} from '@sandbox/abi';
import { nft } from '@sandbox/net';
import { be32, putBe32 } from '../attributes.js';
import { isVerdict, readValue, readValueOf, readVerdict, writeVerdict } from '../data.js';
import type { Reader } from './context.js';

const immediate: Reader = (a, c) => {
  const data = a.get(NFTA_IMMEDIATE_DATA);
  const register = be32(a, NFTA_IMMEDIATE_DREG);
  if (data === undefined || register === undefined) return -EINVAL;
  if (isVerdict(data)) {
    if (register !== 0) return -EINVAL;
    const verdict = readVerdict(data, c);
    if (typeof verdict === 'number') return verdict;
    const { chain } = verdict;
    return {
      expression: new nft.Verdict(verdict.code, chain),
      uses: chain === null ? [] : [chain],
      leadsTo: chain,
      dump: (w) => {
        putBe32(w, NFTA_IMMEDIATE_DREG, 0);
        writeVerdict(w, NFTA_IMMEDIATE_DATA, verdict);
      },
    };
  }
  const value = readValue(data);
  if (value === null) return -EINVAL;
  const at = c.registers.write(a, NFTA_IMMEDIATE_DREG, value.length);
  return at < 0 ? at : { expression: new nft.Immediate(at, value) };
};

const compare: Reader = (a, c) => {
  const value = readValue(a.get(NFTA_CMP_DATA));
  const operation = be32(a, NFTA_CMP_OP);
  if (value === null || operation === undefined || operation > NFT_CMP_GTE) return -EINVAL;
  const at = c.registers.read(a, NFTA_CMP_SREG, value.length);
  return at < 0 ? at : { expression: new nft.Compare(at, operation, value) };
};

const range: Reader = (a, c) => {
  const from = readValue(a.get(NFTA_RANGE_FROM_DATA));
  if (from === null) return -EINVAL;
  const to = readValueOf(a.get(NFTA_RANGE_TO_DATA), from.length);
  if (typeof to === 'number') return to;
  const operation = be32(a, NFTA_RANGE_OP);
  if (operation === undefined || operation > NFT_RANGE_NEQ) return -EINVAL;
  const at = c.registers.read(a, NFTA_RANGE_SREG, from.length);
  return at < 0 ? at : { expression: new nft.Range(at, operation === NFT_RANGE_NEQ, from, to) };
};

const bitwise: Reader = (a, c) => {
  const length = be32(a, NFTA_BITWISE_LEN);
  if (length === undefined) return -EINVAL;
  if (length > 255) return -ERANGE;
  const source = c.registers.read(a, NFTA_BITWISE_SREG, length);
  if (source < 0) return source;
  const target = c.registers.write(a, NFTA_BITWISE_DREG, length);
  if (target < 0) return target;
  const operation = be32(a, NFTA_BITWISE_OP) ?? NFT_BITWISE_MASK_XOR;
  if (operation === NFT_BITWISE_MASK_XOR) {
    if (a.has(NFTA_BITWISE_DATA)) return -EINVAL;
    const mask = readValueOf(a.get(NFTA_BITWISE_MASK), length);
    const xor = readValueOf(a.get(NFTA_BITWISE_XOR), length);
    if (typeof mask === 'number' || typeof xor === 'number') return -EINVAL;
    return { expression: new nft.MaskXor(source, target, mask, xor) };
  }
  if (operation !== NFT_BITWISE_LSHIFT && operation !== NFT_BITWISE_RSHIFT) return -EOPNOTSUPP;
  const value = readValueOf(a.get(NFTA_BITWISE_DATA), 4);
  if (typeof value === 'number') return value;
  const bits = new DataView(value.buffer).getUint32(0, true);
  if (bits === 0 || bits >= 32) return -EINVAL;
  const words = (length + 3) >> 2;
  return { expression: new nft.Shift(source, target, words, operation === NFT_BITWISE_LSHIFT, bits) };
};

const byteorder: Reader = (a, c) => {
  const length = be32(a, NFTA_BYTEORDER_LEN);
  const size = be32(a, NFTA_BYTEORDER_SIZE);
  const operation = be32(a, NFTA_BYTEORDER_OP);
  if (length === undefined || size === undefined || operation === undefined) return -EINVAL;
  if (operation > NFT_BYTEORDER_HTON || (size !== 2 && size !== 4 && size !== 8)) return -EINVAL;
  if (length > 255) return -ERANGE;
  const source = c.registers.read(a, NFTA_BYTEORDER_SREG, length);
  if (source < 0) return source;
  const target = c.registers.write(a, NFTA_BYTEORDER_DREG, length);
  if (target < 0) return target;
  return { expression: new nft.ByteOrder(source, target, length, size) };
};

const numgen: Reader = (a, c) => {
  const modulus = be32(a, NFTA_NG_MODULUS);
  const type = be32(a, NFTA_NG_TYPE);
  const offset = be32(a, NFTA_NG_OFFSET) ?? 0;
  if (modulus === undefined || type === undefined) return -EINVAL;
  if (modulus === 0) return -ERANGE;
  if (offset + modulus - 1 > 0xffffffff) return -EOVERFLOW;
  if (type !== NFT_NG_INCREMENTAL && type !== NFT_NG_RANDOM) return -EINVAL;
  const target = c.registers.write(a, NFTA_NG_DREG, 4);
  if (target < 0) return target;
  const random = type === NFT_NG_RANDOM ? () => c.stack.host.random32() : null;
  return { expression: new nft.NumberGenerator(target, modulus, offset, random) };
};

export const VALUES: ReadonlyMap<string, Reader> = new Map([
  ['immediate', immediate],
  ['cmp', compare],
  ['range', range],
  ['bitwise', bitwise],
  ['byteorder', byteorder],
  ['numgen', numgen],
]);
