/**
 * What Linux counts for a message in a queue: its bytes, and the memory around them. SO_SNDBUF, SIOCOUTQ and
 * how many small messages fit are in this unit, so guests can see it.
 */
const PAGE = 4096;
/** sizeof(struct sk_buff) and struct skb_shared_info, aligned. */
const SKB = 256;
const SHARED_INFO = 320;
/** Bytes that fit into one page, or four, with the shared info. */
const MAX_HEAD = PAGE - SHARED_INFO;
const MAX_ALLOC = 4 * PAGE - SHARED_INFO;
/** Most bytes of one buffer outside its head. */
const STREAM_FRAGS = 32768;
const DATAGRAM_FRAGS = 17 * PAGE;

/** Most bytes a stream puts into one buffer. */
export const STREAM_CHUNK = MAX_HEAD + STREAM_FRAGS;

/** kmalloc's bucket for the head of a buffer. */
function bucket(head: number): number {
  let size = 512;
  while (size < head + SHARED_INFO) size *= 2;
  return size;
}

function pages(bytes: number): number {
  return Math.ceil(bytes / PAGE) * PAGE;
}

/** A chunk of a stream, at most STREAM_CHUNK bytes. */
export function streamTruesize(size: number): number {
  const data = Math.min(size, pages(Math.max(0, size - MAX_HEAD)));
  return SKB + bucket(size - data) + pages(data);
}

/** A datagram or packet. */
export function datagramTruesize(size: number): number {
  const data = size > MAX_ALLOC ? pages(Math.min(size - MAX_ALLOC, DATAGRAM_FRAGS)) : 0;
  return SKB + bucket(Math.max(0, size - data)) + data;
}
