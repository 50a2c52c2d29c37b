import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { useCli } from './support/cli.js';

const { script, sandbox } = useCli();
const onPty = fileURLToPath(new URL('./support/on-pty.py', import.meta.url));
const has = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;

type Step = ['expect' | 'send' | 'signal', string] | ['sleep', number] | ['resize', number, number];

interface Report {
  printed: string;
  status: number | null;
  failure: string | null;
  restored: boolean;
}

/** `sandbox run ARGS` on a terminal; "$ " is the prompt of a bash started by `BASH`. */
async function terminal(args: string[], steps: Step[], more: object = {}): Promise<Report> {
  const child = spawn('python3', [onPty], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ command: [process.execPath, script, 'run', ...args], steps, ...more }));
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk));
  await once(child, 'close');
  const report = JSON.parse(text) as Report;
  expect(report.failure).toBe(null);
  return report;
}

const BASH = ['-e', 'PS1=$ ', '-e', 'INPUTRC=/dev/null', '--', 'bash', '--norc', '--noprofile'];
const PROMPT: Step = ['expect', '$ '];
const type = (line: string): Step => ['send', `${line}\r`];

describe.skipIf(!has('python3'))('on a terminal', () => {
  it('is one: its name, size, type', async () => {
    const r = await terminal(
      ['--', 'sh', '-c', 'tty; stty size; echo $TERM; test -t 0 && test -t 1 && test -t 2 && echo yes'],
      [],
      { rows: 33, columns: 101 },
    );
    expect(r).toMatchObject({ status: 0, restored: true });
    expect(r.printed).toMatch(/^\/dev\/pts\/0\r\n33 101\r\n\S+\r\nyes\r\n$/);
  });

  it('job control in bash', async () => {
    const r = await terminal(BASH, [
      PROMPT,
      type('sleep 100'),
      ['sleep', 0.4],
      ['send', '\x1a'],
      ['expect', 'Stopped'],
      type('bg'),
      ['expect', 'sleep 100 &'],
      type('jobs'),
      ['expect', 'Running'],
      type('fg'),
      ['expect', 'sleep 100'],
      ['sleep', 0.4],
      ['send', '\x03'],
      ['expect', '$ '],
      type('echo is=$?'),
      ['expect', 'is=130'],
      ['expect', '$ '],
      type('exit 7'),
    ]);
    expect(r).toMatchObject({ status: 7, restored: true });
  });

  it('Ctrl-C interrupts the pipeline in front, not the shell', async () => {
    const r = await terminal(BASH, [
      PROMPT,
      type('sleep 100 | cat'),
      ['sleep', 0.4],
      ['send', '\x03'],
      PROMPT,
      type('echo st$((1))ll'),
      ['expect', 'st1ll'],
      type('exit'),
    ]);
    expect(r.status).toBe(0);
  });

  it('Ctrl-D ends input', async () => {
    const r = await terminal(
      ['--', 'cat'],
      [['sleep', 0.3], type('line'), ['expect', 'line\r\nline'], ['send', '\x04']],
    );
    expect(r).toMatchObject({ status: 0, restored: true });
  });

  it('Ctrl-C kills a program that does not handle it: 130', async () => {
    const r = await terminal(
      ['--', 'sh', '-c', 'echo on; sleep 100'],
      [
        ['expect', 'on'],
        ['sleep', 0.2],
        ['send', '\x03'],
      ],
    );
    expect(r).toMatchObject({ status: 130, restored: true });
  });

  it('the window changes its size', async () => {
    const r = await terminal(
      ['--', 'bash', '-c', 'trap "stty size; exit" WINCH; echo on; while :; do sleep 0.05; done'],
      [
        ['expect', 'on'],
        ['resize', 40, 132],
        ['expect', '40 132'],
      ],
    );
    expect(r.status).toBe(0);
  });

  it('bytes pass as they are when the program asks for it', async () => {
    const r = await terminal(
      [
        '--',
        'sh',
        '-c',
        'stty raw -echo; printf "a\\nb"; dd bs=1 count=3 status=none | od -An -c; stty sane; echo end',
      ],
      [
        ['expect', 'a\nb'],
        ['send', '\x03\r\x1a'],
        ['expect', '003  \\r 032'],
        ['expect', 'end'],
      ],
    );
    expect(r).toMatchObject({ status: 0, restored: true });
  });

  it('much output, and all of it', async () => {
    const r = await terminal(['--', 'seq', '30000'], []);
    expect(r.printed.split('\r\n').length).toBe(30_001);
    expect(r.printed.endsWith('29999\r\n30000\r\n')).toBe(true);
  });

  it('the terminal is restored when this command is killed', async () => {
    const r = await terminal(
      ['--', 'sh', '-c', 'trap "" TERM; echo on; sleep 100'],
      [
        ['expect', 'on'],
        ['signal', 'SIGTERM'],
        ['sleep', 0.2],
        ['signal', 'SIGTERM'],
      ],
    );
    expect(r).toMatchObject({ status: 137, restored: true });
  });

  it('and when its time is up', async () => {
    const r = await terminal(['--timeout', '500ms', '--', 'sh', '-c', 'stty raw; sleep 100'], []);
    expect(r).toMatchObject({ status: 124, restored: true });
  });

  it('stopping and continuing this command', async () => {
    const r = await terminal(
      ['--', 'sh', '-c', 'echo on; read x; echo got $x'],
      [
        ['expect', 'on'],
        ['signal', 'SIGSTOP'],
        ['sleep', 0.2],
        ['signal', 'SIGCONT'],
        ['sleep', 0.2],
        type('word'),
        ['expect', 'got word'],
      ],
    );
    expect(r).toMatchObject({ status: 0, restored: true });
  });

  it('the program hears SIGHUP when the terminal goes', async () => {
    const r = await terminal(
      ['--', 'sh', '-c', 'trap "exit 9" HUP; echo on; while :; do sleep 0.05; done'],
      [
        ['expect', 'on'],
        ['signal', 'SIGHUP'],
      ],
    );
    expect(r.status).toBe(9);
  });

  it('--no-tty: no terminal for the program; Ctrl-C is a signal', async () => {
    const r = await terminal(
      ['--no-tty', '--', 'sh', '-c', 'test -t 1 || echo none; sleep 100; echo never'],
      [
        ['expect', 'none'],
        ['sleep', 0.2],
        ['send', '\x03'],
      ],
    );
    expect(r).toMatchObject({ status: 130, restored: true });
    expect(r.printed).not.toContain('never');
  });
});

describe('--tty without a terminal', () => {
  it('gives the program one, with input from the pipe and its end as Ctrl-D', async () => {
    const r = await sandbox(['run', '--tty', '--', 'sh', '-c', 'tty; stty -echo; cat'], { input: 'typed\n' });
    expect(r).toMatchObject({ code: 0, stderr: '' });
    expect(r.stdout.replaceAll('typed\r\n', '')).toBe('/dev/pts/0\r\n');
    expect(r.stdout).toContain('typed');
  });
});

describe.skipIf(!has('script'))('under script(1)', () => {
  it('an interactive bash', () => {
    const command = `${process.execPath} ${script} run -e 'PS1=$ ' -- bash --norc --noprofile`;
    const r = spawnSync('script', ['-qec', command, '/dev/null'], {
      input: 'echo $((6*7))\nexit 3\n',
      encoding: 'utf8',
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    expect(r.stdout).toMatch(/[^(]42\r\n/);
    expect(r.status).toBe(3);
  });
});

describe.skipIf(!has('tmux') || !has('less'))('under tmux', () => {
  const socket = `sandbox-test-${process.pid}`;
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-L', socket, ...args], { encoding: 'utf8' });
  afterAll(() => spawnSync('tmux', ['-L', socket, 'kill-server']));
  const screen = (): string => tmux('capture-pane', '-p', '-t', 's');
  const shows = (what: RegExp | string): Promise<void> =>
    expect.poll(screen, { timeout: 15_000, interval: 50 }).toMatch(what);

  it('less pages, searches, follows the window and leaves the screen clean', async () => {
    const command = `${process.execPath} ${script} run -e 'PS1=$ ' -- bash --norc --noprofile`;
    tmux('-f', '/dev/null', 'new-session', '-d', '-s', 's', '-x', '60', '-y', '15', command);
    await shows(/^\$$/m);
    tmux('send-keys', '-t', 's', 'seq 1 500 | less', 'Enter');
    await shows(/^14$/m);
    tmux('send-keys', '-t', 's', 'Space');
    await shows(/^28$/m);
    tmux('send-keys', '-t', 's', '/^400', 'Enter');
    await shows(/^400\n401\n/m);
    tmux('resize-window', '-t', 's', '-x', '60', '-y', '20');
    await shows(/^418$/m);
    tmux('send-keys', '-t', 's', 'q');
    await shows(/^\$ seq 1 500 \| less\n\$$/m);
    tmux('send-keys', '-t', 's', 'stty size; echo done', 'Enter');
    await shows(/^20 60\ndone$/m);
  });
});
