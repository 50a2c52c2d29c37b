import { EINVAL, EPERM } from '@sandbox/abi';

const SWITCH = ['off', 'on'] as const;
const ENUMS = {
  redirect_dir: ['off', 'follow', 'nofollow', 'on'],
  index: SWITCH,
  uuid: ['off', 'null', 'auto', 'on'],
  nfs_export: SWITCH,
  xino: ['off', 'auto', 'on'],
  metacopy: SWITCH,
  verity: ['off', 'on', 'require'],
} as const;
type EnumKey = keyof typeof ENUMS;

const FLAGS = ['default_permissions', 'userxattr', 'volatile'] as const;

/**
 * Values when nothing is said: those of Linux's defaults, which leave out what changes the upper layer's
 * format.
 */
const DEFAULTS: Readonly<Record<EnumKey, string>> = {
  redirect_dir: 'follow',
  index: 'off',
  uuid: 'auto',
  nfs_export: 'off',
  xino: 'off',
  metacopy: 'off',
  verity: 'off',
};

/**
 * Options of an overlay made by mount(2) or fsopen(2), but for its directories
 * (Documentation/filesystems/overlayfs.rst). `xino` and `uuid` say what is shown in mountinfo only.
 */
export class OverlayConfig {
  readonly values: Record<EnumKey, string> = { ...DEFAULTS };
  private readonly given = new Set<string>();
  private readonly flags = new Set<string>();

  /** 'flag', 'enum', or undefined for what is no such option. */
  static kindOf(key: string): 'flag' | 'enum' | undefined {
    if (key in ENUMS) return 'enum';
    return (FLAGS as readonly string[]).includes(key) ? 'flag' : undefined;
  }

  flag(key: string): void {
    this.flags.add(key);
  }
  has(key: (typeof FLAGS)[number]): boolean {
    return this.flags.has(key);
  }

  /** 0, or -EINVAL: no such value. */
  choose(key: string, value: string): number {
    const k = key as EnumKey;
    if (!(ENUMS[k] as readonly string[]).includes(value)) return -EINVAL;
    // Without it those that were renamed are found all the same (Linux: redirect_always_follow).
    this.values[k] = key === 'redirect_dir' && value === 'off' ? 'follow' : value;
    this.given.add(key);
    return 0;
  }

  private on(key: EnumKey): boolean {
    return this.values[key] === 'on';
  }
  private off(key: EnumKey): void {
    this.values[key] = 'off';
  }

  /**
   * Have the options sense together, and with the layers and rights there are? 0, -EINVAL, -EPERM
   * (ovl_fs_params_verify).
   */
  verify(hasUpper: boolean, trusted: boolean): number {
    const { values: o, given } = this;
    if (!hasUpper) {
      given.delete('index');
      this.off('index');
      this.flags.delete('volatile');
      if (o.uuid === 'on') o.uuid = 'null';
    }
    let e = this.verifyMetacopy(hasUpper);
    if (e === 0) e = this.verifyExport(hasUpper);
    if (e !== 0) return e;
    if (this.has('userxattr')) {
      if (given.has('redirect_dir') && o.redirect_dir !== 'nofollow') return -EINVAL;
      if (this.on('metacopy') && given.has('metacopy')) return -EINVAL;
      o.redirect_dir = 'nofollow';
      this.off('metacopy');
    } else if (!trusted) {
      if (given.has('redirect_dir') && o.redirect_dir !== 'nofollow') return -EPERM;
      if (this.on('metacopy') && given.has('metacopy')) return -EPERM;
      if (o.verity !== 'off') return -EPERM;
    }
    return 0;
  }

  private verifyMetacopy(hasUpper: boolean): number {
    const { values: o, given } = this;
    if (!hasUpper && o.redirect_dir === 'follow') o.redirect_dir = 'on';
    if (!this.on('metacopy') || o.redirect_dir === 'on') return 0;
    if (given.has('redirect_dir')) {
      if (given.has('metacopy')) return -EINVAL;
      this.off('metacopy');
    } else o.redirect_dir = 'on';
    return 0;
  }

  private verifyExport(hasUpper: boolean): number {
    const { values: o, given } = this;
    if (this.on('nfs_export') && !this.on('index')) {
      if (!hasUpper && o.redirect_dir !== 'nofollow') this.off('nfs_export');
      else if (given.has('nfs_export') && given.has('index')) return -EINVAL;
      else if (given.has('index')) this.off('nfs_export');
      else o.index = 'on';
    }
    if (this.on('nfs_export') && this.on('metacopy')) {
      if (given.has('nfs_export') && given.has('metacopy')) return -EINVAL;
      if (given.has('metacopy')) this.off('nfs_export');
      else this.off('metacopy');
    }
    return 0;
  }

  /** Options are in use that rely on lower layers that stay what they are (ovl_allow_offline_changes). */
  get keepsLower(): boolean {
    return this.on('index') || this.on('metacopy') || this.on('redirect_dir') || this.on('xino');
  }

  /** The upper layer keeps no marks: what needs them is not done. */
  withoutMarks(): void {
    this.values.redirect_dir = 'nofollow';
    this.off('metacopy');
    this.off('index');
    this.off('nfs_export');
    this.values.uuid = 'null';
    if (this.values.xino === 'auto') this.off('xino');
  }

  /** As in /proc/mounts, each with a comma in front; `sameFs`: all layers are of one file system. */
  text(sameFs: boolean): string {
    const { values: o } = this;
    const parts: string[] = [];
    const enumerated = (key: EnumKey): void => {
      if (o[key] !== DEFAULTS[key]) parts.push(`${key}=${o[key]}`);
    };
    if (this.has('default_permissions')) parts.push('default_permissions');
    enumerated('redirect_dir');
    enumerated('index');
    enumerated('uuid');
    enumerated('nfs_export');
    if (!sameFs) enumerated('xino');
    enumerated('metacopy');
    if (this.has('volatile')) parts.push('volatile');
    if (this.has('userxattr')) parts.push('userxattr');
    enumerated('verity');
    return parts.map((part) => `,${part}`).join('');
  }
}
