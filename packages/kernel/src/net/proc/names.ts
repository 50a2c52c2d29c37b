/** The names of counters, in the order /proc/net/snmp and netstat have them. */
export interface ProcNetNames {
  readonly snmp: readonly (readonly [string, readonly string[]])[];
  readonly tcpExt: readonly string[];
  readonly ipExt: readonly string[];
}
