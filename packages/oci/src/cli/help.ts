import { COMMANDS, type CommandSpec, GLOBAL_FLAGS } from './options.js';
import type { Flag } from './parser.js';

export const NAME = 'sandbox-oci';
export const VERSION = '0.1.0';
export const SPEC_VERSION = '1.2.0';

function flagLines(flags: readonly Flag[]): string {
  const rows = flags.map((f) => {
    const value = f.value === undefined ? '' : ' value';
    return [`--${f.name}${value}${f.short ? `, -${f.short}${value}` : ''}`, f.help] as const;
  });
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, help]) => `   ${left.padEnd(width)}  ${help}\n`).join('');
}

export function commandHelp(name: string, spec: CommandSpec): string {
  const options = spec.flags.length > 0 ? ' [command options]' : '';
  return (
    `NAME:\n   ${NAME} ${name} - ${spec.summary}\n\nUSAGE:\n   ${NAME} ${name}${options} ${spec.usage}`.trimEnd() +
    `\n${spec.flags.length > 0 ? `\nOPTIONS:\n${flagLines(spec.flags)}` : ''}`
  );
}

export function generalHelp(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const commands = Object.entries(COMMANDS)
    .map(([name, { summary }]) => `   ${name.padEnd(width)}  ${summary}\n`)
    .join('');
  return (
    `NAME:\n   ${NAME} - OCI runtime whose containers run in a kernel of their own\n\n` +
    `USAGE:\n   ${NAME} [global options] command [command options] [arguments...]\n\n` +
    `VERSION:\n   ${versionText().replaceAll('\n', '\n   ').trimEnd()}\n\n` +
    `COMMANDS:\n${commands}\nGLOBAL OPTIONS:\n${flagLines(GLOBAL_FLAGS)}`
  );
}

export function versionText(): string {
  return `${NAME} version ${VERSION}\nspec: ${SPEC_VERSION}\n`;
}
