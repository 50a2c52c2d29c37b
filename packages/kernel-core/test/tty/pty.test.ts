import { EAGAIN, EIO, POLLHUP, POLLIN, POLLOUT, POLLPRI, SIGINT, SIGWINCH } from '@sandbox/abi';
import type { Inode } from '@sandbox/vfs';
import { describe, expect, it } from 'vitest';
import { Termios } from '../../src/files/tty/termios.js';
import { TtyFile } from '../../src/files/tty/tty-file.js';
import type { ProcessGroup } from '../../src/process/task/session.js';
import { Pair } from './pair.js';

const NO_INODE = { fs: { env: { clock: { now: () => 0 } } }, atimeSec: 0, mtimeSec: 0 } as unknown as Inode;

describe('master', () => {
  it('reads what the slave wrote, then has to wait, then an error once the slave is closed', () => {
    const pair = new Pair();
    const file = new TtyFile(NO_INODE, 2, pair.tty);
    pair.print('hello\n');
    expect(pair.tty.master.poll() & (POLLIN | POLLOUT | POLLHUP)).toBe(POLLIN | POLLOUT);
    expect(pair.screen()).toBe('hello\r\n');
    expect(pair.screen()).toBe(-EAGAIN);
    pair.print('last');
    file.release();
    expect(pair.tty.master.poll() & POLLHUP).toBe(POLLHUP);
    expect(pair.screen()).toBe('last');
    expect(pair.screen()).toBe(-EIO);
    new TtyFile(NO_INODE, 2, pair.tty);
    expect(pair.screen()).toBe(-EAGAIN);
  });

  it('takes the slave with it', () => {
    const pair = new Pair();
    const file = new TtyFile(NO_INODE, 2, pair.tty);
    pair.tty.master.close();
    expect(file.hungUp).toBe(true);
    expect(file.poll() & (POLLIN | POLLHUP)).toBe(POLLIN | POLLHUP);
  });

  // The statuses tcflow, tcflush, ^S, ^Q, ^C and tcsetattr give on Linux (ioctl_tty(2) TIOCPKT).
  it('hears of flow control and flushing in packet mode', () => {
    const pair = new Pair();
    pair.tty.master.setPacket(true);
    pair.print('x\n');
    expect(pair.screen(1)).toBe('\0');
    expect(pair.screen()).toBe('\0x\r\n');
    pair.tty.stopByCall(true);
    expect(pair.tty.master.poll() & (POLLPRI | POLLIN)).toBe(POLLPRI | POLLIN);
    expect(pair.screen()).toBe('\x04');
    pair.tty.stopByCall(false);
    expect(pair.screen()).toBe('\x08');
    pair.tty.flushInput();
    expect(pair.screen()).toBe('\x01');
    pair.type('abc\x03');
    expect(pair.screen()).toBe('\x03');
    expect(pair.screen()).toBe('\0^C');
    const t = new Termios();
    t.iflag &= ~0o2000;
    pair.tty.setTermios(t);
    expect(pair.screen()).toBe('\x10');
  });
});

describe('signals', () => {
  it('go to the foreground group', () => {
    const pair = new Pair();
    pair.type('\x03');
    expect(pair.signals).toEqual([]);
    pair.tty.foreground = {} as ProcessGroup;
    pair.type('\x03');
    pair.tty.resize(10, 20, 0, 0);
    pair.tty.resize(10, 20, 0, 0);
    expect(pair.signals).toEqual([SIGINT, SIGWINCH]);
  });
});

describe('output', () => {
  it('blocks when nobody reads, and passes everything when somebody does', () => {
    const pair = new Pair();
    let taken = 0;
    for (let n = pair.print('x'.repeat(1000)); n > 0; n = pair.print('x'.repeat(1000))) taken += n;
    expect(taken).toBe(16384);
    expect(pair.tty.writeRoom()).toBe(0);
    expect((pair.screen() as string).length).toBe(16384);
    expect(pair.print('more')).toBe(4);
  });
});
