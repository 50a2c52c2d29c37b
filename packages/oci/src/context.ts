import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Log } from './cli/log.js';
import { type Flags, on, text } from './cli/parser.js';

/** What the options before the command say. */
export interface Context {
  /** Directory of all containers' state. */
  readonly root: string;
  readonly log: Log;
  readonly systemdCgroup: boolean;
  readonly platform: string;
  readonly overlay: string;
}

function defaultRoot(): string {
  if (process.geteuid?.() === 0) return '/run/sandbox-oci';
  return `${process.env.XDG_RUNTIME_DIR ?? `/tmp/sandbox-oci-${userInfo().uid}`}/sandbox-oci`;
}

export function makeContext(flags: Flags): Context {
  const file = text(flags, 'log');
  return {
    root: resolve(text(flags, 'root') || defaultRoot()),
    log: {
      file: file === undefined || file === '' || file === '/dev/stderr' ? undefined : resolve(file),
      json: text(flags, 'log-format') === 'json',
      debug: on(flags, 'debug'),
    },
    systemdCgroup: on(flags, 'systemd-cgroup'),
    platform: text(flags, 'platform') ?? process.env.SANDBOX_PLATFORM ?? 'auto',
    overlay: text(flags, 'overlay') ?? 'auto',
  };
}
