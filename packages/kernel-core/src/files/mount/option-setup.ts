import { EINVAL, EOPNOTSUPP } from '@sandbox/abi';
import type { FileSystem, FsLog, FsParam, FsSetup, FsTypeFactory, MountEnvironment } from '@sandbox/vfs';

/** Options of a file system in its whole life, in bytes: more than any can need. */
const MOST_OPTIONS = 65536;

/**
 * A file system under construction whose parameters are mount(2)'s options: flags and strings, kept until it
 * is made.
 */
export class OptionSetup implements FsSetup {
  private options: string[] = [];

  constructor(
    private readonly type: string,
    private readonly factory: FsTypeFactory,
    private readonly env: MountEnvironment,
    private readonly log: FsLog,
  ) {}

  set(param: FsParam): number {
    const { params, check } = this.factory;
    const { key } = param;
    if (params === undefined) {
      // One that takes a page of text, and what is in it is its own business (legacy_fs_context).
      if (param.kind !== 'flag' && param.kind !== 'string') return -EOPNOTSUPP;
    } else {
      const wants = Object.hasOwn(params, key) ? params[key] : undefined;
      if (wants === undefined) return this.wrong(`Unknown parameter '${key}'`);
      if (wants === 'flag' && param.kind !== 'flag') return this.wrong(`Unexpected value for '${key}'`);
      if (wants === 'value' && (param.kind !== 'string' || param.text === ''))
        return this.wrong(`Bad value for '${key}'`);
    }
    const text = param.kind === 'string' ? param.text : '';
    // A comma would become a further option.
    if (text.includes(',') || key.includes(',')) return this.wrong(`Bad value for '${key}'`);
    const option = param.kind === 'string' ? `${key}=${text}` : key;
    if (check !== undefined && check(option) !== 0) return this.wrong(`Bad value for '${key}'`);
    const length = this.options.reduce((n, o) => n + o.length + 1, option.length);
    if (length > MOST_OPTIONS) return -EINVAL;
    this.options.push(option);
    return 0;
  }

  private wrong(text: string): number {
    this.log.error(`${this.type}: ${text}`);
    return -EINVAL;
  }

  create(source: string): FileSystem | number {
    return this.factory(source, this.take(), this.env);
  }

  /** What was given, as one string; nothing is left. */
  take(): string {
    const data = this.options.join(',');
    this.options = [];
    return data;
  }

  release(): void {}
}
