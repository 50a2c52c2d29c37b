/**
 * State that a layer above keeps for each kernel, namespace or address space. Its owner cannot name the type,
 * since it stands below; the layer defines one slot and asks it.
 */
export class Slot<Owner extends object, T> {
  private readonly values = new WeakMap<Owner, T>();

  constructor(private readonly make: (owner: Owner) => T) {}

  /** That of `owner`, made when it is first asked for. */
  of(owner: Owner): T {
    let value = this.values.get(owner);
    if (value === undefined) {
      value = this.make(owner);
      this.values.set(owner, value);
    }
    return value;
  }
}
