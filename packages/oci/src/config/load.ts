import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorObject } from 'ajv';
import { errnoText, Failure, messageOf } from '../failure.js';
import { checkConfig } from './check.js';
import { validateConfig, validateProcess } from './compiled.js';
import type { OciConfig, OciProcess } from './types.js';

/**
 * JSON, of `name`, with integers beyond 2^53 (seccomp arguments, rlimits) as the nearest number. Throws
 * Failure.
 */
export function parseJson(source: string, name: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new Failure(`${name} is not JSON: ${messageOf(error)}`);
  }
}

/** What is wrong, in the words of those who decode it into typed fields. */
function describe(what: string, errors: readonly ErrorObject[] | null | undefined): string {
  const [error] = errors ?? [];
  if (error === undefined) return `${what} is not valid`;
  const field = error.instancePath.slice(1).replaceAll('/', '.');
  return `${what} is not valid: ${field === '' ? '' : `${field} `}${error.message ?? ''}`;
}

/** Read and check config.json of a bundle. Throws Failure. */
export function loadConfig(bundle: string): OciConfig {
  let source: string;
  try {
    source = readFileSync(join(bundle, 'config.json'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Failure('JSON specification file config.json not found');
    throw new Failure(`open config.json: ${errnoText(error)}`);
  }
  const config = parseJson(source, join(bundle, 'config.json'));
  checkConfig(config as OciConfig, bundle);
  if (!validateConfig(config)) throw new Failure(describe('config.json', validateConfig.errors));
  return config as OciConfig;
}

/** Read and check a file with the `process` part of one. Throws Failure. */
export function loadProcess(path: string): OciProcess {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure(`open ${path}: ${errnoText(error)}`);
  }
  const process = parseJson(source, path);
  if (!validateProcess(process)) throw new Failure(describe('process', validateProcess.errors));
  return process as OciProcess;
}
