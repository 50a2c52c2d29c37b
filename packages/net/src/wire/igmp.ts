/** IGMP (RFC 2236, RFC 3376). */
export const IGMP_HEADER = 8;
export const IGMP_QUERY = 0x11;
export const IGMP_V2_REPORT = 0x16;
export const IGMP_V3_REPORT = 0x22;

/** A version 3 response code in tenths of a second (RFC 3376 section 4.1.1). */
export function responseTime(code: number): number {
  return code < 128 ? code : ((code & 15) | 16) << (((code >> 4) & 7) + 3);
}
