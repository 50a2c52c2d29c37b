import { Command, Option } from 'commander';
import { OWN_FAILURE } from './failure.js';
import type { RunFlags } from './flags.js';
import {
  parseAddress,
  parseBind,
  parseCoreLimit,
  parseCount,
  parseDuration,
  parseEnv,
  parseHost,
  parseList,
  parseNet,
  parsePublish,
  parseSize,
  parseUser,
} from './parse.js';

const program = new Command('sandbox')
  .description('Run Linux programs in a kernel of their own, inside this process.')
  .enablePositionalOptions()
  .version('0.1.0')
  .configureOutput({ outputError: (text, write) => write(`sandbox: ${text.replace(/^error: /, '')}`) })
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : OWN_FAILURE);
  });

program
  .command('run')
  .description('run a program in a fresh sandbox')
  .passThroughOptions()
  .usage('[options] -- CMD [ARGS...]')
  .argument('<cmd...>', 'program and its arguments; a name without / is looked up in PATH inside the sandbox')
  .addOption(
    new Option('--platform <name>', 'what runs the guest').choices(['auto', 'ptrace', 'kvm']).default('auto'),
  )
  .option(
    '--root <path>',
    "root file system: a directory, a tar archive, an OCI image (layout or archive), a SquashFS or EROFS image, or 'host' for the host's tree",
    'host',
  )
  .option('--read-only', 'make the root read-only (default: writes are kept in memory and lost at the end)')
  .option(
    '--bind <src:dst[:ro]>',
    'show a host directory in the sandbox; writes to it are real unless ro (repeatable)',
    parseBind,
  )
  .option('-e, --env <name=value>', 'set a variable, or pass NAME through (repeatable)', parseEnv)
  .option(
    '-w, --cwd <dir>',
    'working directory in the sandbox (default: the current one if it exists there, else /)',
  )
  .option('-u, --user <uid[:gid]>', 'who the program runs as (default: 0:0)', parseUser)
  .option('--hostname <name>', 'host name the program sees', 'sandbox')
  .option('-t, --tty', 'give it a terminal (default: when stdin and stdout are one)')
  .option('--no-tty', 'never give it a terminal')
  .option('-m, --memory <size>', 'most memory of all programs together, such as 512m', parseSize)
  .option('--core <size>', "write core dumps of at most this size, or 'unlimited'", parseCoreLimit)
  .option('--pids <n>', 'most processes and threads', parseCount)
  .option(
    '--net <kind>',
    "the network: 'none', 'nat' through the host's (see --allow), or 'ns:PATH', a network namespace to be the owner of",
    parseNet,
    'none',
  )
  .option(
    '-p, --publish <[addr:]host:guest[/udp]>',
    "make a port reachable on the host's 127.0.0.1, or on ADDR (repeatable)",
    parsePublish,
  )
  .option(
    '--allow <host[:port]>',
    "what may leave: a name, *.NAME, an address, a CIDR, '*' for all that is public (repeatable; implies --net nat)",
    parseList,
  )
  .option('--add-host <name:addr>', 'a line of /etc/hosts (repeatable)', parseHost)
  .option('--dns <addr>', "a name server, instead of the network's own (repeatable)", parseAddress)
  .option('--pcap <file>', 'write what passes eth0 to a file, in pcapng')
  .option('--timeout <duration>', 'kill everything after this long, such as 10s', parseDuration)
  .option('--strace [file]', 'print every system call to stderr, or to a file')
  .option('--stats', 'print what was called how often, at the end')
  .addHelpText(
    'after',
    `
Examples:
  sandbox run -- python3 -c 'print(6*7)'
  sandbox run -it -- bash                     (a terminal is given by itself on a terminal)
  sandbox run --bind .:/work --cwd /work -- make test
  sandbox run --root ./debian --user 1000 --memory 512m --pids 50 --timeout 1m -- ./untrusted

The exit status is the program's; 128+N when signal N killed it; 124 when the time was over; 125 for a failure of the sandbox itself, 126 for
a program that cannot be executed, 127 for one that is not found.`,
  )
  .option('-i, --interactive', 'accepted for the habit: stdin is always passed through')
  .action(async (command: string[], flags: RunFlags) => {
    const { run } = await import('./run.js');
    const { status, atOnce } = await run(command, flags);
    process.exitCode = status;
    if (atOnce) process.exit();
  });

program
  .command('doctor')
  .description('say what this host offers each platform, and why not')
  .option('--json', 'as JSON')
  .action(async (flags: { json?: boolean }) => {
    const { doctor } = await import('./doctor.js');
    process.exitCode = await doctor(flags);
  });

program
  .command('syscalls')
  .description('print the system call coverage table')
  .option('--json', 'as JSON')
  .action(async (flags: { json?: boolean }) => {
    const { syscalls } = await import('./syscalls.js');
    syscalls(flags);
  });

void program.parseAsync(process.argv, { from: 'node' });
