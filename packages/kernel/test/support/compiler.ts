import { execFileSync } from 'node:child_process';

/** Guest programs of tests are compiled where this is so. */
export const hasCompiler: boolean = (() => {
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
