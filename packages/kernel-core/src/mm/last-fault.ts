/**
 * The last fault of a task that changed nothing: if the same access fails again with nothing changed since,
 * it is a violation.
 */
export class LastFault {
  addr = -1;
  rip = -1;
  generation = -1;
}
