/** Which ancillary data a socket's receiver asked for: IP_RECVTTL and its kin. */
export class ControlFlags {
  pktInfo = false;
  ttl = false;
  tos = false;
  options = false;
  returnOptions = false;
  originalDestination = false;
  checksum = false;
  pktInfo6 = false;
  hopLimit6 = false;
  trafficClass6 = false;
  flowInfo6 = false;
  originalDestination6 = false;
  oldPktInfo6 = false;
  oldHopLimit6 = false;
  hopOptions6 = false;
  destinationOptions6 = false;
  routing6 = false;
  oldHopOptions6 = false;
  oldDestinationOptions6 = false;
  oldRouting6 = false;
  /** TCP_INQ. */
  inq = false;

  /** Some of those set by options of SOL_IP and SOL_IPV6. */
  get any(): boolean {
    return (
      this.pktInfo ||
      this.ttl ||
      this.tos ||
      this.options ||
      this.returnOptions ||
      this.originalDestination ||
      this.checksum ||
      this.any6
    );
  }

  private get any6(): boolean {
    return (
      this.pktInfo6 ||
      this.hopLimit6 ||
      this.trafficClass6 ||
      this.flowInfo6 ||
      this.originalDestination6 ||
      this.oldPktInfo6 ||
      this.oldHopLimit6 ||
      this.headers6
    );
  }

  /** Any of the extension headers. */
  get headers6(): boolean {
    return (
      this.hopOptions6 ||
      this.destinationOptions6 ||
      this.routing6 ||
      this.oldHopOptions6 ||
      this.oldDestinationOptions6 ||
      this.oldRouting6
    );
  }

  /** None of those of SOL_IPV6 any more. */
  clear6(): void {
    const { pktInfo, ttl, tos, options, returnOptions, originalDestination, checksum, inq } = this;
    const kept = { pktInfo, ttl, tos, options, returnOptions, originalDestination, checksum, inq };
    Object.assign(this, new ControlFlags(), kept);
  }

  copyFrom(other: ControlFlags): void {
    Object.assign(this, other);
  }
}

/** The name of one. */
export type ControlFlag = Exclude<
  { [K in keyof ControlFlags]: ControlFlags[K] extends boolean ? K : never }[keyof ControlFlags],
  'any' | 'headers6'
>;
