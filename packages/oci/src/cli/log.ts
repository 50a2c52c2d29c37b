import { appendFileSync, writeSync } from 'node:fs';

/**
 * Where errors and warnings go, as runc's callers read them: a line each, to --log and, errors, to stderr.
 */
export interface Log {
  readonly file: string | undefined;
  readonly json: boolean;
  readonly debug: boolean;
}

type Level = 'error' | 'warning' | 'debug';

/** RFC 3339, seconds. */
function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

/** logrus quotes what is not plain. */
function quoted(message: string): string {
  return /^[\w\-./@^+]+$/.test(message) ? message : JSON.stringify(message);
}

export function writeLog(log: Log, level: Level, message: string): void {
  if (level === 'debug' && !log.debug) return;
  const line = log.json
    ? `${JSON.stringify({ level, msg: message, time: now() })}\n`
    : `time="${now()}" level=${level} msg=${quoted(message)}\n`;
  try {
    if (log.file === undefined) writeSync(2, line);
    else appendFileSync(log.file, line, { mode: 0o600 });
  } catch {
    // Nobody listens.
  }
}

/** The end of a command that failed: in the log, and for a person on stderr. */
export function writeError(log: Log, message: string): void {
  writeLog(log, 'error', message);
  if (log.file === undefined) return;
  try {
    writeSync(2, `${message}\n`);
  } catch {
    // Nobody listens.
  }
}
