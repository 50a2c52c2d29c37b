/** The trees programs run on: the host's own, and a clean Debian made once and kept. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

export type RootName = 'host' | 'debian';

export interface Root {
  readonly name: RootName;
  /** The directory on the host. */
  readonly dir: string;
}

const SUITE = 'trixie';
const PACKAGES = [
  'bash',
  'bc',
  'bsdextrautils',
  'busybox-static',
  'bzip2',
  'file',
  'gawk',
  'gcc',
  'git',
  'libc6-dev',
  'make',
  'nodejs',
  'openjdk-21-jdk-headless',
  'openssh-client',
  'openssl',
  'patch',
  'perl',
  'procps',
  'psmisc',
  'python3',
  'sqlite3',
  'tmux',
  'xz-utils',
  'zstd',
];
const BUILD_TIMEOUT = 20 * 60_000;

/** Where the Debian tree is kept; another package list is another tree. */
export function debianDirectory(): string {
  const key = createHash('sha256')
    .update([SUITE, ...PACKAGES].join(','))
    .digest('hex')
    .slice(0, 12);
  return join(tmpdir(), `sandbox-debian-${key}`);
}

/** The tree, made now where it must be; or why it cannot be. */
export async function openRoot(name: RootName): Promise<Root | { skip: string }> {
  if (name === 'host') return { name, dir: '/' };
  if (process.getuid?.() !== 0) return { skip: 'making and entering a Debian root needs root' };
  const dir = debianDirectory();
  if (existsSync(dir)) return { name, dir };
  const partial = `${dir}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial);
  try {
    const args = ['--quiet', '--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, partial];
    await execFileAsync('mmdebstrap', args, { timeout: BUILD_TIMEOUT });
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    return { skip: code === 'ENOENT' ? 'mmdebstrap is not installed' : `mmdebstrap failed: ${message}` };
  }
  renameSync(partial, dir);
  return { name, dir };
}
