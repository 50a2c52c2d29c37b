import { commandHelp, generalHelp, versionText } from './cli/help.js';
import { type Log, writeError } from './cli/log.js';
import { COMMANDS, GLOBAL_FLAGS } from './cli/options.js';
import { type Flag, type Flags, on, type Parsed, parseFlags, text } from './cli/parser.js';
import { type Context, makeContext } from './context.js';
import { Failure, messageOf } from './failure.js';
import { SUPERVISE } from './sandbox/supervise-name.js';

const NO_LOG: Log = { file: undefined, json: false, debug: false };

/** Failures of these are told as such. */
const NAMED: Readonly<Record<string, string>> = {
  create: 'sandbox-oci create failed',
  run: 'sandbox-oci run failed',
  exec: 'exec failed',
};

async function main(argv: readonly string[]): Promise<number> {
  let log = NO_LOG;
  let name = '';
  try {
    const { flags, rest } = parseFlags(GLOBAL_FLAGS, argv);
    const context = makeContext(flags);
    log = context.log;
    checkLogFormat(flags);
    if (on(flags, 'version')) {
      process.stdout.write(versionText());
      return 0;
    }
    const [command, ...args] = rest;
    if (command === undefined || on(flags, 'help') || command === 'help') {
      process.stdout.write(generalHelp());
      return 0;
    }
    if (command === SUPERVISE) return await (await import('./sandbox/supervise.js')).supervise();
    name = command;
    return await runCommand(context, command, args);
  } catch (error) {
    const message =
      NAMED[name] && !(error instanceof UsageError)
        ? `${NAMED[name]}: ${messageOf(error)}`
        : messageOf(error);
    writeError(log, message);
    const fallback = name === 'exec' ? 255 : 1;
    return error instanceof Failure ? (error.exitCode ?? fallback) : fallback;
  }
}

function checkLogFormat(flags: Flags): void {
  const format = text(flags, 'log-format') || 'text';
  if (format !== 'text' && format !== 'json') throw new UsageError(`invalid log-format: ${format}`);
}

class UsageError extends Failure {}

function parsed(known: readonly Flag[], args: readonly string[]): Parsed {
  try {
    return parseFlags(known, args);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

async function runCommand(context: Context, name: string, args: readonly string[]): Promise<number> {
  const spec = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (spec === undefined) throw new UsageError(`No help topic for '${name}'\n`, 3);
  const help = { name: 'help', short: 'h', help: 'show help' };
  const { flags, rest } = parsed([...spec.flags, help], args);
  if (on(flags, 'help')) {
    process.stdout.write(commandHelp(name, spec));
    return 0;
  }
  const [least, most] = spec.arity;
  if (rest.length < least || rest.length > most) {
    process.stdout.write(`Incorrect Usage.\n\n${commandHelp(name, spec)}`);
    const wanted = least === most ? `exactly ${least}` : `a minimum of ${least}`;
    throw new UsageError(`sandbox-oci: "${name}" requires ${wanted} argument(s)`, 1);
  }
  const { run } = await loadCommand(name);
  return run(context, flags, rest);
}

/** Runs a command; what it resolves to is the exit status. */
type Run = (context: Context, flags: Flags, args: readonly string[]) => Promise<number>;

/** Each command loads what it needs: most are over before a kernel would have been read. */
function loadCommand(name: string): Promise<{ run: Run }> {
  switch (name) {
    case 'create':
      return import('./commands/create.js');
    case 'run':
      return import('./commands/run.js');
    case 'start':
      return import('./commands/start.js');
    case 'state':
      return import('./commands/state.js');
    case 'kill':
      return import('./commands/kill.js');
    case 'delete':
      return import('./commands/delete.js');
    case 'exec':
      return import('./commands/exec.js');
    case 'ps':
      return import('./commands/ps.js');
    case 'list':
      return import('./commands/list.js');
    case 'pause':
      return import('./commands/pause.js');
    case 'resume':
      return import('./commands/resume.js');
    case 'events':
      return import('./commands/events.js');
    case 'update':
      return import('./commands/update.js');
    case 'spec':
      return import('./commands/spec.js');
    case 'features':
      return import('./commands/features.js');
    default:
      return import('./commands/install.js');
  }
}

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
