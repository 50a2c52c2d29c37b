import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PluginBuild } from 'esbuild';
import { commandBundle } from '../../scripts/command/bundle.js';
import { compiledSchemas } from './scripts/compile-schemas.js';

/** ajv writes code from the schemas; with that at hand the command needs no ajv. */
const schemasCompiled = {
  name: 'schemas-compiled',
  setup(build: PluginBuild): void {
    build.onLoad({ filter: /\/config\/compiled\.ts$/ }, () => ({
      contents: compiledSchemas(),
      loader: 'js',
    }));
  },
};

/** A bundle whose program is the host's `true`, to run once. */
function warmUpBundle(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sandbox-oci-build-'));
  const config = {
    ociVersion: '1.2.0',
    root: { path: '/', readonly: true },
    process: { args: ['/bin/true'], cwd: '/', env: ['PATH=/bin'], user: { uid: 0, gid: 0 } },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] },
    ],
    linux: {
      namespaces: [{ type: 'pid' }, { type: 'mount' }],
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
    },
  };
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
  return dir;
}

const scratch = warmUpBundle();

export default commandBundle({
  dir: import.meta.dirname,
  parts: { supervisor: 'src/sandbox/supervisor.ts', 'exec-tools': 'src/commands/exec-tools.ts' },
  plugins: [schemasCompiled],
  warmUp: ['--root', join(scratch, 'state'), 'run', '--bundle', scratch, 'warm-up'],
});
