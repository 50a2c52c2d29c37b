import { spawn } from 'node:child_process';
import type { HookStage, OciConfig, OciHook } from '../config/types.js';
import { errnoText, Failure } from '../failure.js';
import type { OciState } from '../state/store.js';

/** What one wrote is told, up to here. */
const MOST_OUTPUT = 4096;

/** How a hook's process is started: where else, if not here. */
type Place = <T>(start: () => T) => T;

/**
 * Run the hooks of a stage on the host, one after the other, each with the container's state on its standard
 * input. Throws Failure at the first that fails.
 */
export async function runHooks(
  config: OciConfig,
  stage: HookStage,
  state: OciState,
  place: Place = (start) => start(),
): Promise<void> {
  const hooks = config.hooks?.[stage] ?? [];
  for (const [i, hook] of hooks.entries()) {
    try {
      await runHook(hook, JSON.stringify(state), place);
    } catch (error) {
      throw new Failure(`error running ${stage} hook #${i}: ${errnoText(error)}`);
    }
  }
}

function runHook(hook: OciHook, input: string, place: Place): Promise<void> {
  const [argv0 = hook.path, ...args] = hook.args ?? [];
  const env = hook.env === undefined ? process.env : environment(hook.env);
  return new Promise((resolve, reject) => {
    const child = place(() => spawn(hook.path, args, { argv0, env, stdio: 'pipe' }));
    const output = ['', ''];
    let late = false;
    const timer =
      hook.timeout === undefined
        ? null
        : setTimeout(() => {
            late = true;
            child.kill('SIGKILL');
          }, hook.timeout * 1000);
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    for (const [i, stream] of [child.stdout, child.stderr].entries()) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output[i] = (output[i]! + chunk).slice(0, MOST_OUTPUT);
      });
    }
    child.on('error', (error) => {
      if (timer !== null) clearTimeout(timer);
      reject(new Error(`fork/exec ${hook.path}: ${errnoText(error)}`));
    });
    // Not 'close': what it left running in the background may hold its output.
    child.on('exit', (code, signal) => {
      if (timer !== null) clearTimeout(timer);
      child.stdout.destroy();
      child.stderr.destroy();
      if (code === 0) return resolve();
      if (late) return reject(new Error(`hook ran past specified timeout of ${hook.timeout}.0s`));
      const how = signal === null ? `exit status ${code}` : `signal: ${signal}`;
      reject(new Error(`error running hook: ${how}, stdout: ${output[0]}, stderr: ${output[1]}`));
    });
  });
}

/** "NAME=value" lines as an object; the last of a name counts. */
export function environment(env: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const line of env) {
    const at = line.indexOf('=');
    if (at > 0) result[line.slice(0, at)] = line.slice(at + 1);
  }
  return result;
}
