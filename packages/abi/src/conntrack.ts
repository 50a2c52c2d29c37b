/**
 * Connection tracking and address translation, over netlink too; man 8 conntrack.
 *
 * Mirrors linux/netfilter/nf_nat.h, nf_conntrack_common.h and nfnetlink_conntrack.h.
 */

// linux/netfilter/nf_nat.h
export const NF_NAT_RANGE_MAP_IPS = 1;
export const NF_NAT_RANGE_PROTO_SPECIFIED = 2;
export const NF_NAT_RANGE_PROTO_RANDOM = 4;
export const NF_NAT_RANGE_PERSISTENT = 8;
export const NF_NAT_RANGE_PROTO_RANDOM_FULLY = 16;
export const NF_NAT_RANGE_PROTO_OFFSET = 32;
export const NF_NAT_RANGE_NETMAP = 64;

// linux/netfilter/nf_conntrack_common.h
export const IPS_EXPECTED = 1;

export const IPS_SEEN_REPLY = 2;

export const IPS_ASSURED = 4;

export const IPS_CONFIRMED = 8;

export const IPS_SRC_NAT = 16;

export const IPS_DST_NAT = 32;

export const IPS_SEQ_ADJUST = 64;

export const IPS_SRC_NAT_DONE = 128;

export const IPS_DST_NAT_DONE = 0x100;

export const IPS_DYING = 0x200;

export const IPS_FIXED_TIMEOUT = 0x400;

export const IPS_TEMPLATE = 0x800;

export const IPS_UNTRACKED = 0x1000;

export const IPS_HELPER = 0x2000;

export const IPS_OFFLOAD = 0x4000;

export const IPS_HW_OFFLOAD = 0x8000;

// linux/netfilter/nfnetlink_conntrack.h
export const IPCTNL_MSG_CT_NEW = 0;
export const IPCTNL_MSG_CT_GET = 1;
export const IPCTNL_MSG_CT_DELETE = 2;
export const IPCTNL_MSG_CT_GET_CTRZERO = 3;
export const IPCTNL_MSG_CT_GET_STATS_CPU = 4;
export const IPCTNL_MSG_CT_GET_STATS = 5;
export const IPCTNL_MSG_CT_GET_DYING = 6;
export const IPCTNL_MSG_CT_GET_UNCONFIRMED = 7;

export const CTA_TUPLE_ORIG = 1;
export const CTA_TUPLE_REPLY = 2;

export const CTA_STATUS = 3;

export const CTA_PROTOINFO = 4;

export const CTA_HELP = 5;

export const CTA_NAT_SRC = 6;
export const CTA_NAT = 6;

export const CTA_TIMEOUT = 7;

export const CTA_MARK = 8;

export const CTA_COUNTERS_ORIG = 9;
export const CTA_COUNTERS_REPLY = 10;

export const CTA_USE = 11;

export const CTA_ID = 12;

export const CTA_NAT_DST = 13;

export const CTA_TUPLE_MASTER = 14;

export const CTA_SEQ_ADJ_ORIG = 15;

export const CTA_NAT_SEQ_ADJ_ORIG = 15;

export const CTA_SEQ_ADJ_REPLY = 16;

export const CTA_NAT_SEQ_ADJ_REPLY = 16;

export const CTA_SECMARK = 17;

export const CTA_ZONE = 18;

export const CTA_SECCTX = 19;

export const CTA_TIMESTAMP = 20;

export const CTA_LABELS = 22;

export const CTA_SYNPROXY = 24;

export const CTA_FILTER = 25;

export const CTA_MAX = 26;

export const CTA_TUPLE_IP = 1;
export const CTA_TUPLE_PROTO = 2;
export const CTA_TUPLE_ZONE = 3;
export const CTA_TUPLE_MAX = 3;

export const CTA_IP_V4_SRC = 1;
export const CTA_IP_V4_DST = 2;
export const CTA_IP_V6_SRC = 3;
export const CTA_IP_V6_DST = 4;
export const CTA_IP_MAX = 4;

export const CTA_PROTO_NUM = 1;
export const CTA_PROTO_SRC_PORT = 2;
export const CTA_PROTO_DST_PORT = 3;
export const CTA_PROTO_ICMP_ID = 4;
export const CTA_PROTO_ICMP_TYPE = 5;
export const CTA_PROTO_ICMP_CODE = 6;
export const CTA_PROTO_ICMPV6_ID = 7;
export const CTA_PROTO_ICMPV6_TYPE = 8;
export const CTA_PROTO_ICMPV6_CODE = 9;
export const CTA_PROTO_MAX = 9;

export const CTA_PROTOINFO_TCP = 1;
export const CTA_PROTOINFO_DCCP = 2;
export const CTA_PROTOINFO_SCTP = 3;
export const CTA_PROTOINFO_MAX = 3;
export const CTA_PROTOINFO_TCP_STATE = 1;
export const CTA_PROTOINFO_TCP_WSCALE_ORIGINAL = 2;
export const CTA_PROTOINFO_TCP_WSCALE_REPLY = 3;
export const CTA_PROTOINFO_TCP_FLAGS_ORIGINAL = 4;
export const CTA_PROTOINFO_TCP_FLAGS_REPLY = 5;
export const CTA_PROTOINFO_TCP_MAX = 5;
export const CTA_PROTOINFO_DCCP_STATE = 1;
export const CTA_PROTOINFO_DCCP_ROLE = 2;
export const CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ = 3;
export const CTA_PROTOINFO_DCCP_PAD = 4;
export const CTA_PROTOINFO_DCCP_MAX = 4;
export const CTA_PROTOINFO_SCTP_STATE = 1;
export const CTA_PROTOINFO_SCTP_VTAG_ORIGINAL = 2;
export const CTA_PROTOINFO_SCTP_VTAG_REPLY = 3;
export const CTA_PROTOINFO_SCTP_MAX = 3;

export const CTA_COUNTERS_PACKETS = 1;
export const CTA_COUNTERS_BYTES = 2;

export const CTA_COUNTERS32_PACKETS = 3;
export const CTA_COUNTERS32_BYTES = 4;

export const CTA_COUNTERS_PAD = 5;
export const CTA_COUNTERS_MAX = 5;

export const CTA_TIMESTAMP_START = 1;
export const CTA_TIMESTAMP_STOP = 2;
export const CTA_TIMESTAMP_PAD = 3;
export const CTA_TIMESTAMP_MAX = 3;

export const CTA_NAT_V4_MINIP = 1;
export const CTA_NAT_MINIP = 1;
export const CTA_NAT_V4_MAXIP = 2;
export const CTA_NAT_MAXIP = 2;
export const CTA_NAT_PROTO = 3;
export const CTA_NAT_V6_MINIP = 4;
export const CTA_NAT_V6_MAXIP = 5;
export const CTA_NAT_MAX = 5;

export const CTA_PROTONAT_PORT_MIN = 1;
export const CTA_PROTONAT_PORT_MAX = 2;
export const CTA_PROTONAT_MAX = 2;

export const CTA_SEQADJ_CORRECTION_POS = 1;
export const CTA_SEQADJ_OFFSET_BEFORE = 2;
export const CTA_SEQADJ_OFFSET_AFTER = 3;
export const CTA_SEQADJ_MAX = 3;

export const CTA_NAT_SEQ_CORRECTION_POS = 1;
export const CTA_NAT_SEQ_OFFSET_BEFORE = 2;
export const CTA_NAT_SEQ_OFFSET_AFTER = 3;
export const CTA_NAT_SEQ_MAX = 3;

export const CTA_SYNPROXY_ISN = 1;
export const CTA_SYNPROXY_ITS = 2;
export const CTA_SYNPROXY_TSOFF = 3;
export const CTA_SYNPROXY_MAX = 3;

export const CTA_EXPECT_MASTER = 1;
export const CTA_EXPECT_TUPLE = 2;
export const CTA_EXPECT_TIMEOUT = 4;
export const CTA_EXPECT_ID = 5;
export const CTA_EXPECT_HELP_NAME = 6;
export const CTA_EXPECT_ZONE = 7;
export const CTA_EXPECT_FLAGS = 8;
export const CTA_EXPECT_CLASS = 9;
export const CTA_EXPECT_NAT = 10;
export const CTA_EXPECT_FN = 11;
export const CTA_EXPECT_MAX = 11;
export const CTA_EXPECT_NAT_DIR = 1;
export const CTA_EXPECT_NAT_TUPLE = 2;
export const CTA_EXPECT_NAT_MAX = 2;

export const CTA_HELP_NAME = 1;
export const CTA_HELP_INFO = 2;
export const CTA_HELP_MAX = 2;

export const CTA_SECCTX_NAME = 1;
export const CTA_SECCTX_MAX = 1;

export const CTA_STATS_SEARCHED = 1;
export const CTA_STATS_FOUND = 2;
export const CTA_STATS_NEW = 3;
export const CTA_STATS_INVALID = 4;
export const CTA_STATS_IGNORE = 5;
export const CTA_STATS_DELETE = 6;
export const CTA_STATS_DELETE_LIST = 7;
export const CTA_STATS_INSERT = 8;
export const CTA_STATS_INSERT_FAILED = 9;
export const CTA_STATS_DROP = 10;
export const CTA_STATS_EARLY_DROP = 11;
export const CTA_STATS_ERROR = 12;
export const CTA_STATS_SEARCH_RESTART = 13;
export const CTA_STATS_CLASH_RESOLVE = 14;
export const CTA_STATS_CHAIN_TOOLONG = 15;
export const CTA_STATS_MAX = 15;
export const CTA_STATS_GLOBAL_ENTRIES = 1;
export const CTA_STATS_GLOBAL_MAX_ENTRIES = 2;
export const CTA_STATS_GLOBAL_MAX = 2;
export const CTA_STATS_EXP_NEW = 1;
export const CTA_STATS_EXP_CREATE = 2;
export const CTA_STATS_EXP_DELETE = 3;
export const CTA_STATS_EXP_MAX = 3;

export const CTA_FILTER_ORIG_FLAGS = 1;
export const CTA_FILTER_REPLY_FLAGS = 2;
export const CTA_FILTER_MAX = 2;
