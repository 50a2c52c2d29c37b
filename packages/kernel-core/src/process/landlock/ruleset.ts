import { ENOMEM, O_RDWR } from '@sandbox/abi';
import type { Dentry, Inode } from '@sandbox/vfs';
import { AnonFile } from '../files/anon-file.js';
import type { Grants } from './layers.js';

/** Rules of a kernel altogether: what guests can take from their embedder. */
const MAX_RULES = 1 << 20;

/** What goes when a table does: rules counted, and names kept cached. */
class Held {
  rules = 0;
  readonly names: Dentry[] = [];

  constructor(readonly counter: RuleCounter) {}

  release(): void {
    this.counter.rules -= this.rules;
    this.rules = 0;
    for (const name of this.names) name.watches--;
    this.names.length = 0;
  }
}

/** How many rules there are. */
export class RuleCounter {
  rules = 0;
}

/**
 * Domains are shared by credentials, which nobody counts: their tables are let go of when they are collected.
 */
const abandoned = new FinalizationRegistry<Held>((held) => held.release());

/** Rules by what they are about: files (and what lies beneath them) and ports. */
export class RuleTable {
  private readonly files = new Map<Inode, Grants>();
  private readonly ports = new Map<number, Grants>();
  private readonly held: Held;

  constructor(
    readonly counter: RuleCounter,
    readonly layers: number,
  ) {
    this.held = new Held(counter);
    abandoned.register(this, this.held, this.held);
  }

  forFile(inode: Inode | null): Grants | undefined {
    return inode === null ? undefined : this.files.get(inode);
  }
  forPort(port: number): Grants | undefined {
    return this.ports.get(port);
  }

  /**
   * Grant `access` at `layer` to the file `name` stands for. The name stays cached, so that its inode stays
   * the same. 0 or -ENOMEM.
   */
  addFile(name: Dentry, layer: number, access: number): number {
    const inode = name.inode!;
    let grants = this.files.get(inode);
    if (grants === undefined) {
      if (!this.count()) return -ENOMEM;
      grants = new Uint16Array(this.layers);
      this.files.set(inode, grants);
      name.watches++;
      this.held.names.push(name);
    }
    grants[layer]! |= access;
    return 0;
  }

  addPort(port: number, layer: number, access: number): number {
    let grants = this.ports.get(port);
    if (grants === undefined) {
      if (!this.count()) return -ENOMEM;
      grants = new Uint16Array(this.layers);
      this.ports.set(port, grants);
    }
    grants[layer]! |= access;
    return 0;
  }

  private count(): boolean {
    if (this.counter.rules >= MAX_RULES) return false;
    this.counter.rules++;
    this.held.rules++;
    return true;
  }

  /** Take in all of `from`, its layers from `first` on. 0 or -ENOMEM. */
  merge(from: RuleTable, first: number): number {
    for (const name of from.held.names) {
      const grants = from.files.get(name.inode!);
      for (let i = 0; grants !== undefined && i < grants.length; i++) {
        const r = this.addFile(name, first + i, grants[i]!);
        if (r !== 0) return r;
      }
    }
    for (const [port, grants] of from.ports) {
      for (let i = 0; i < grants.length; i++) {
        const r = this.addPort(port, first + i, grants[i]!);
        if (r !== 0) return r;
      }
    }
    return 0;
  }

  /** Nobody uses it any more. */
  release(): void {
    abandoned.unregister(this.held);
    this.held.release();
    this.files.clear();
    this.ports.clear();
  }
}

/** A set of rules in the making: what it denies by default, and what it grants all the same. */
export class Ruleset {
  readonly table: RuleTable;

  constructor(
    counter: RuleCounter,
    /** LANDLOCK_ACCESS_FS_*, LANDLOCK_ACCESS_NET_* and LANDLOCK_SCOPE_* it is about. */
    readonly fs: number,
    readonly net: number,
    readonly scoped: number,
  ) {
    this.table = new RuleTable(counter, 1);
  }
}

/** landlock_create_ruleset(2): the descriptor rules are added to. */
export class RulesetFile extends AnonFile {
  protected override readonly kind = '[landlock-ruleset]';

  constructor(
    inode: Inode,
    readonly ruleset: Ruleset,
  ) {
    super(inode, O_RDWR);
  }

  override get canPoll(): boolean {
    return false;
  }

  override release(): void {
    this.ruleset.table.release();
  }
}
