/**
 * Rules of nf_tables as messages have them (linux/netfilter/nf_tables.h): expressions one behind the other,
 * the last with the verdict.
 */
import {
  NFT_CMP_EQ,
  NFT_CMP_NEQ,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_LIST_ELEM,
  NFTA_META_DREG,
  NFTA_META_KEY,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
  NFTA_RULE_EXPRESSIONS,
  NFTA_VERDICT_CODE,
} from '@sandbox/abi';
import type { NetlinkWriter } from './netlink.js';

/** What a packet is compared with. */
export type Test =
  | { readonly meta: number; readonly is: readonly number[] }
  | { readonly meta: number; readonly isNot: readonly number[] }
  /** Bytes from `offset` of a header (NFT_PAYLOAD_NETWORK_HEADER and so on). */
  | { readonly header: number; readonly offset: number; readonly is: readonly number[] };

/** The attribute NFTA_RULE_EXPRESSIONS: `verdict` (NF_ACCEPT, NF_DROP) for packets that pass all tests. */
export function writeRule(w: NetlinkWriter, tests: readonly Test[], verdict: number): void {
  const all = w.nest(NFTA_RULE_EXPRESSIONS);
  for (const test of tests) {
    if ('meta' in test) {
      expression(w, 'meta', () => {
        word(w, NFTA_META_DREG, NFT_REG_1);
        word(w, NFTA_META_KEY, test.meta);
      });
    } else {
      expression(w, 'payload', () => {
        word(w, NFTA_PAYLOAD_DREG, NFT_REG_1);
        word(w, NFTA_PAYLOAD_BASE, test.header);
        word(w, NFTA_PAYLOAD_OFFSET, test.offset);
        word(w, NFTA_PAYLOAD_LEN, test.is.length);
      });
    }
    const [operation, value] = 'is' in test ? [NFT_CMP_EQ, test.is] : [NFT_CMP_NEQ, test.isNot];
    expression(w, 'cmp', () => {
      word(w, NFTA_CMP_SREG, NFT_REG_1);
      word(w, NFTA_CMP_OP, operation);
      within(w, NFTA_CMP_DATA, () => w.data(NFTA_DATA_VALUE, Uint8Array.from(value)));
    });
  }
  expression(w, 'immediate', () => {
    word(w, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    within(w, NFTA_IMMEDIATE_DATA, () =>
      within(w, NFTA_DATA_VERDICT, () => word(w, NFTA_VERDICT_CODE, verdict)),
    );
  });
  w.endNest(all);
}

function expression(w: NetlinkWriter, name: string, attributes: () => void): void {
  within(w, NFTA_LIST_ELEM, () => {
    w.string(NFTA_EXPR_NAME, name);
    within(w, NFTA_EXPR_DATA, attributes);
  });
}

function within(w: NetlinkWriter, type: number, attributes: () => void): void {
  const at = w.nest(type);
  attributes();
  w.endNest(at);
}

/** Numbers of nf_tables are in network byte order. */
export function word(w: NetlinkWriter, type: number, value: number): void {
  const at = w.attribute(type, 4);
  w.setBe16(at, value >>> 16);
  w.setBe16(at + 2, value & 0xffff);
}
