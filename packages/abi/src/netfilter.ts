/**
 * Netfilter: families, and its messages over netlink.
 *
 * Mirrors linux/netfilter.h and linux/netfilter/nfnetlink.h.
 */

// linux/netfilter.h
export const NFPROTO_INET = 1;

export const NFPROTO_IPV4 = 2;

export const NFPROTO_ARP = 3;

export const NFPROTO_NETDEV = 5;

export const NFPROTO_BRIDGE = 7;

export const NFPROTO_IPV6 = 10;

export const NFPROTO_DECNET = 12;

export const NFPROTO_NUMPROTO = 13;

// linux/netfilter/nfnetlink.h
export const NFNLGRP_NONE = 0;

export const NFNLGRP_CONNTRACK_NEW = 1;
export const NFNLGRP_CONNTRACK_UPDATE = 2;
export const NFNLGRP_CONNTRACK_DESTROY = 3;
export const NFNLGRP_CONNTRACK_EXP_NEW = 4;
export const NFNLGRP_CONNTRACK_EXP_UPDATE = 5;
export const NFNLGRP_CONNTRACK_EXP_DESTROY = 6;

export const NFNLGRP_NFTABLES = 7;

export const NFNLGRP_NFTRACE = 9;

export const NFNLGRP_MAX = 9;

export const NFNL_SUBSYS_CTNETLINK = 1;
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNL_SUBSYS_NFT_COMPAT = 11;

export const NFNL_MSG_BATCH_BEGIN = 16;
export const NFNL_MSG_BATCH_END = 17;

export const NFNL_BATCH_GENID = 1;
export const NFNL_BATCH_MAX = 1;
