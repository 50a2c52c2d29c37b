// `npm start`: a tour of what the kernel does, on the built packages, as an embedder would use them.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { isBuilt, root, workspaces } from './workspaces.mjs';

function node(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (!workspaces().every(isBuilt)) {
  console.log('Building the packages (once)...');
  node(join(root, 'scripts/build.mjs'));
}
node(join(root, 'node_modules/tsx/dist/cli.mjs'), 'examples/tour.ts', ...process.argv.slice(2));
