/** Expressions that count. They are also named objects, and parts of set elements. */
import {
  EINVAL,
  EOPNOTSUPP,
  NFT_LIMIT_F_INV,
  NFT_LIMIT_PKT_BYTES,
  NFT_QUOTA_F_DEPLETED,
  NFT_QUOTA_F_INV,
  NFTA_COUNTER_BYTES,
  NFTA_COUNTER_PACKETS,
  NFTA_LAST_MSECS,
  NFTA_LAST_SET,
  NFTA_LIMIT_BURST,
  NFTA_LIMIT_FLAGS,
  NFTA_LIMIT_RATE,
  NFTA_LIMIT_TYPE,
  NFTA_LIMIT_UNIT,
  NFTA_QUOTA_BYTES,
  NFTA_QUOTA_CONSUMED,
  NFTA_QUOTA_FLAGS,
} from '@sandbox/abi';
import { nft } from '@sandbox/net';
import { be32, be64, putBe32, putBe64 } from '../attributes.js';
import type { Reader } from './context.js';

const counter: Reader = (a) => {
  const expression = new nft.Counter(be64(a, NFTA_COUNTER_PACKETS) ?? 0, be64(a, NFTA_COUNTER_BYTES) ?? 0);
  return {
    expression,
    dump: (w) => {
      putBe64(w, NFTA_COUNTER_BYTES, expression.bytes);
      putBe64(w, NFTA_COUNTER_PACKETS, expression.packets);
    },
  };
};

/** NFT_LIMIT_PKT_BURST_DEFAULT */
const BURST = 5;

const limit: Reader = (a, c) => {
  const rate = be64(a, NFTA_LIMIT_RATE);
  const unit = be64(a, NFTA_LIMIT_UNIT);
  if (rate === undefined || unit === undefined || rate === 0) return -EINVAL;
  const type = be32(a, NFTA_LIMIT_TYPE) ?? 0;
  const flags = be32(a, NFTA_LIMIT_FLAGS) ?? 0;
  if (type > NFT_LIMIT_PKT_BYTES || (flags & ~NFT_LIMIT_F_INV) !== 0) return -EOPNOTSUPP;
  const ofBytes = type === NFT_LIMIT_PKT_BYTES;
  const asked = be32(a, NFTA_LIMIT_BURST) ?? 0;
  const burst = asked === 0 && !ofBytes ? BURST : asked;
  const expression = new nft.Limit(rate, unit, burst, ofBytes, flags !== 0, () => c.stack.now());
  return {
    expression,
    dump: (w) => {
      putBe64(w, NFTA_LIMIT_RATE, rate);
      putBe64(w, NFTA_LIMIT_UNIT, unit);
      putBe32(w, NFTA_LIMIT_BURST, burst);
      putBe32(w, NFTA_LIMIT_TYPE, type);
      putBe32(w, NFTA_LIMIT_FLAGS, flags);
    },
  };
};

const quota: Reader = (a) => {
  const most = be64(a, NFTA_QUOTA_BYTES);
  if (most === undefined) return -EINVAL;
  const flags = be32(a, NFTA_QUOTA_FLAGS) ?? 0;
  if ((flags & ~NFT_QUOTA_F_INV) !== 0) return (flags & NFT_QUOTA_F_DEPLETED) !== 0 ? -EINVAL : -EOPNOTSUPP;
  const expression = new nft.Quota(most, flags !== 0, be64(a, NFTA_QUOTA_CONSUMED) ?? 0);
  return {
    expression,
    dump: (w) => {
      putBe64(w, NFTA_QUOTA_BYTES, most);
      putBe64(w, NFTA_QUOTA_CONSUMED, Math.min(expression.consumed, most));
      putBe32(w, NFTA_QUOTA_FLAGS, flags | (expression.depleted ? NFT_QUOTA_F_DEPLETED : 0));
    },
  };
};

const last: Reader = (a, c) => {
  const now = () => c.stack.now();
  const ago = be64(a, NFTA_LAST_MSECS);
  const set = (be32(a, NFTA_LAST_SET) ?? 0) !== 0;
  const expression = new nft.Last(now, set && ago !== undefined ? now() - ago : null);
  return {
    expression,
    dump: (w) => {
      putBe32(w, NFTA_LAST_SET, expression.at === null ? 0 : 1);
      putBe64(w, NFTA_LAST_MSECS, expression.ago);
    },
  };
};

export const STATEFUL: ReadonlyMap<string, Reader> = new Map([
  ['counter', counter],
  ['limit', limit],
  ['quota', quota],
  ['last', last],
]);
