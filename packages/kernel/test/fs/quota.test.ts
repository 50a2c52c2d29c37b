/**
 * Disk quotas of tmpfs (quotactl_fd(2), tmpfs(5)). Few hosts are built with them, so what the program prints
 * is written down here, as fs/quota/dquot.c of Linux has it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kernel } from '@sandbox/kernel';
import { hostfs, tmpfs } from '@sandbox/vfs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCompiler } from '../support/compiler.js';

describe.skipIf(!hasCompiler)(`quotas${hasCompiler ? '' : ' (gcc is not installed)'}`, () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'sandbox-quota-'));
    const source = fileURLToPath(new URL('./quota.c', import.meta.url));
    execFileSync('gcc', ['-O1', '-w', '-static', '-o', join(dir, 'quota'), source]);
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it('bound users and groups, but not root', { timeout: 120_000 }, async () => {
    await using kernel = await Kernel.create({
      root: tmpfs(),
      mounts: { '/guests': hostfs(dir, { readOnly: true }), '/t': tmpfs() },
    });
    const { code, stdout, stderr } = await kernel.run('/guests/quota', [], { timeout: 100_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual(EXPECTED.trim().split('\n').concat(''));
  });
});

const EXPECTED = `
format 0 5, info 0 604800 604800, on EEXIST, sync 0, project EINVAL, elsewhere ENOSYS, by path ENOTBLK, no type EINVAL
user 0: 0 bytes of 1024 KiB, 1 inodes of 50
user 1000: 0 bytes of 1024 KiB, 0 inodes of 50
limit 1000: 0
limit 1001: 0
write /t/a: 16384 
write /t/a: 65536 
write /t/b: -1 EDQUOT
write /t/b: -1 EDQUOT
third: 0
fourth: EDQUOT
link: 0
user 1000: 65536 bytes of 64 KiB, 3 inodes of 3, over the soft limit
user 1001: EPERM
group 1000: 65536 bytes of 0 KiB, 3 inodes of 0
group 1001: EPERM
own limits: EPERM
user 1000: 0 bytes of 64 KiB, 2 inodes of 3
write /t/d: 16384 
write /t/g: 8192 
write /t/h: 8192 
group 1001: 16384 bytes of 16 KiB, 2 inodes of 0
write /t/root: 65536 
root gives it away: 0
user 1000: 65536 bytes of 64 KiB, 3 inodes of 3, over the soft limit
group 1001: 81920 bytes of 16 KiB, 3 inodes of 0
user 0: 0 bytes of 1024 KiB, 1 inodes of 50
next 0
next 1000
next 1001
off 0, again EEXIST
write /t/g: 8192 
write /t/h: 32768 
tmpfs /t tmpfs rw,relatime 0 0
none /t tmpfs rw,relatime,mode=777,usrquota,usrquota_block_hardlimit=1048576,usrquota_inode_hardlimit=50,grpquota 0 0
`;
