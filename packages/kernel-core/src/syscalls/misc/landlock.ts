import {
  CAP_SYS_ADMIN,
  E2BIG,
  EBADF,
  EBADFD,
  EFAULT,
  EINVAL,
  ENOMSG,
  EPERM,
  LANDLOCK_ACCESS_NET_BIND_TCP,
  LANDLOCK_ACCESS_NET_CONNECT_TCP,
  LANDLOCK_CREATE_RULESET_ERRATA,
  LANDLOCK_CREATE_RULESET_VERSION,
  LANDLOCK_NET_PORT_ATTR,
  LANDLOCK_PATH_BENEATH_ATTR,
  LANDLOCK_RULE_NET_PORT,
  LANDLOCK_RULE_PATH_BENEATH,
  LANDLOCK_RULESET_ATTR,
  LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET,
  LANDLOCK_SCOPE_SIGNAL,
  SYS_landlock_add_rule,
  SYS_landlock_create_ruleset,
  SYS_landlock_restrict_self,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import { copyStructIn } from '../../mm/extensible.js';
import { commitCred } from '../../process/cred/change.js';
import { installFile } from '../../process/files/install.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { LandlockDomain } from '../../process/landlock/domain.js';
import { INITIALLY_DENIED, MASK_FS } from '../../process/landlock/layers.js';
import { ACCESS_FILE } from '../../process/landlock/refer.js';
import { RuleCounter, Ruleset, RulesetFile } from '../../process/landlock/ruleset.js';
import type { Task } from '../../process/task/task.js';

/** What of it there is (landlock(7)): files with REFER, TRUNCATE and IOCTL_DEV, TCP ports, scopes. */
const ABI = 6;
/**
 * The corrections after that: which sockets are TCP, signals within a process, directories moved out of bind
 * mounts.
 */
const ERRATA = 0b111;
const MASK_NET = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
const MASK_SCOPE = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
const PAGE = 4096;
/** The first of the struct's fields, which was all of it once. */
const ATTR_SIZE_MIN = 8;

const counters = new WeakMap<KernelCore, RuleCounter>();

function counterOf(kernel: KernelCore): RuleCounter {
  let counter = counters.get(kernel);
  if (counter === undefined) {
    counter = new RuleCounter();
    counters.set(kernel, counter);
  }
  return counter;
}

/** A 64-bit mask in the scratch area, or -EINVAL when it has bits outside `known`. */
function maskAt(t: Task, offset: number, known: number): number {
  const lo = t.kernel.scratchView.getUint32(offset, true);
  const hi = t.kernel.scratchView.getUint32(offset + 4, true);
  return hi !== 0 || (lo & ~known) !== 0 ? -EINVAL : lo;
}

/** landlock_create_ruleset(2): E2BIG, EFAULT, EINVAL, ENOMSG (it is about nothing), EMFILE, ENFILE. */
function sysCreateRuleset(t: Task, a: SyscallArgs): number {
  const addr = a.u64(0);
  const size = a.u64(1);
  const flags = a.u32(2);
  if (flags !== 0) {
    if (addr !== 0 || size !== 0) return -EINVAL;
    if (flags === LANDLOCK_CREATE_RULESET_VERSION) return ABI;
    return flags === LANDLOCK_CREATE_RULESET_ERRATA ? ERRATA : -EINVAL;
  }
  if (addr === 0) return -EFAULT;
  if (size < ATTR_SIZE_MIN) return -EINVAL;
  if (size > PAGE) return -E2BIG;
  const r = copyStructIn(t.mm, addr, size, t.kernel.scratch, LANDLOCK_RULESET_ATTR.SIZE);
  if (r < 0) return r;
  const fs = maskAt(t, LANDLOCK_RULESET_ATTR.handled_access_fs, MASK_FS);
  const net = maskAt(t, LANDLOCK_RULESET_ATTR.handled_access_net, MASK_NET);
  const scoped = maskAt(t, LANDLOCK_RULESET_ATTR.scoped, MASK_SCOPE);
  if (fs < 0 || net < 0 || scoped < 0) return -EINVAL;
  if ((fs | net | scoped) === 0) return -ENOMSG;
  const ruleset = new Ruleset(counterOf(t.kernel), fs, net, scoped);
  return installFile(t, new RulesetFile(t.kernel.anonInode, ruleset), true);
}

/** The ruleset of a descriptor, -EBADF, -EBADFD. */
function rulesetOf(t: Task, fd: number): Ruleset | number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  return file instanceof RulesetFile ? file.ruleset : -EBADFD;
}

/** landlock_add_rule(2): EBADF, EBADFD, EFAULT, EINVAL, ENOMEM, ENOMSG (it grants nothing). */
function sysAddRule(t: Task, a: SyscallArgs): number {
  if (a.u32(3) !== 0) return -EINVAL;
  const ruleset = rulesetOf(t, a.i32(0));
  if (typeof ruleset === 'number') return ruleset;
  switch (a.u32(1)) {
    case LANDLOCK_RULE_PATH_BENEATH:
      return addPathBeneath(t, ruleset, a.u64(2));
    case LANDLOCK_RULE_NET_PORT:
      return addNetPort(t, ruleset, a.u64(2));
    default:
      return -EINVAL;
  }
}

/**
 * allowed_access, which comes first in both kinds of rules: -ENOMSG, -EINVAL when the ruleset does not handle
 * some of it.
 */
function allowedAccess(t: Task, handled: number): number {
  const access = maskAt(t, 0, handled);
  return access === 0 ? -ENOMSG : access;
}

function addPathBeneath(t: Task, ruleset: Ruleset, addr: number): number {
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(addr, scratch, 0, LANDLOCK_PATH_BENEATH_ATTR.SIZE) < 0) return -EFAULT;
  const access = allowedAccess(t, ruleset.fs);
  if (access < 0) return access;
  const file = t.files.get(scratchView.getInt32(LANDLOCK_PATH_BENEATH_ATTR.parent_fd, true));
  if (file === null) return -EBADF;
  // Nameless files lie beneath nothing.
  if (file.path === null || file.path.mount.internal) return -EBADFD;
  const { dentry } = file.path;
  if (dentry.inode === null) return -EBADFD;
  if (!dentry.inode.isDirectory && (access & ~ACCESS_FILE) !== 0) return -EINVAL;
  // What the ruleset does not handle it does not deny either.
  return ruleset.table.addFile(dentry, 0, access | (MASK_FS & ~(ruleset.fs | INITIALLY_DENIED)));
}

function addNetPort(t: Task, ruleset: Ruleset, addr: number): number {
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(addr, scratch, 0, LANDLOCK_NET_PORT_ATTR.SIZE) < 0) return -EFAULT;
  const access = allowedAccess(t, ruleset.net);
  if (access < 0) return access;
  const port = scratchView.getUint32(LANDLOCK_NET_PORT_ATTR.port, true);
  if (port > 0xffff || scratchView.getUint32(LANDLOCK_NET_PORT_ATTR.port + 4, true) !== 0) return -EINVAL;
  return ruleset.table.addPort(port, 0, access | (MASK_NET & ~ruleset.net));
}

/** landlock_restrict_self(2): E2BIG (too many layers), EBADF, EBADFD, EINVAL, ENOMEM, EPERM. */
function sysRestrictSelf(t: Task, a: SyscallArgs): number {
  const { cred } = t;
  if (!cred.noNewPrivs && !cred.capableIn(cred.userNs, CAP_SYS_ADMIN)) return -EPERM;
  if (a.u32(1) !== 0) return -EINVAL;
  const ruleset = rulesetOf(t, a.i32(0));
  if (typeof ruleset === 'number') return ruleset;
  const domain = LandlockDomain.under(cred.guard, ruleset);
  if (typeof domain === 'number') return domain;
  const next = cred.clone();
  next.guard = domain;
  commitCred(t, next);
  return 0;
}

const CREATE_FLAGS = { flags: { LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_CREATE_RULESET_ERRATA } } as const;

export const rows = [
  row(SYS_landlock_create_ruleset, 'landlock_create_ruleset', sysCreateRuleset, [
    'ptr',
    'size',
    CREATE_FLAGS,
  ]),
  row(SYS_landlock_add_rule, 'landlock_add_rule', sysAddRule, ['fd', 'uint', 'ptr', 'uint']),
  row(SYS_landlock_restrict_self, 'landlock_restrict_self', sysRestrictSelf, ['fd', 'uint']),
];
