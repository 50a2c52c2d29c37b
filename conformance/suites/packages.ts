/**
 * `npx tsx conformance/suites/packages.ts [PACKAGE...] [--again] [--patience N]`: source packages of
 * Debian's, unpacked by `apt-get source`, configured, built with `make -j2` and tested by their own tests,
 * natively and in the sandbox. Every file the build made has to have the same bytes, and every test the same
 * end. Results go to results/packages.json.
 */
import { parseArgs } from 'node:util';
import { judgePart, type Outcomes } from './compare.js';
import { fetchSource, SOURCES } from './debian-source.js';
import { canRun } from './execute.js';

/** How each is built and tested, in its unpacked directory. */
const PACKAGES: Readonly<Record<string, string>> = {
  busybox:
    'make -s defconfig </dev/null && make -j2; (cd testsuite && ./runtest -v awk cpio cut date expand find grep head md5sum printf rm sed sort tar tr uniq wc xargs)',
  bzip2: 'make -j2 bzip2 bzip2recover libbz2.a && make test && sha256sum sample?.rb2',
  gzip: './configure && make -j2; make -j2 check -k; cat tests/*.log',
};
const NATIVE_SECONDS = 900;
/** Where the build finds the unpacked source, and where it copies it: paths are in what compilers write. */
const SHOWN = '/mnt';
const ENDS = { PASS: 'ok', FAIL: 'fails', ERROR: 'fails', SKIP: 'skipped', SKIPPED: 'skipped' } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    again: { type: 'boolean', default: false },
    patience: { type: 'string', default: '1' },
    suite: { type: 'string', default: 'trixie' },
  },
});

function command(name: string): string[] {
  const script = `
cp -a ${SHOWN}/${name} source && cd source && touch ../began && sleep 1.1
export KCONFIG_NOTIMESTAMP=1 SOURCE_DATE_EPOCH=1
{ ${PACKAGES[name]}; } </dev/null
echo "=== made"
find . -newer ../began -type f \\( -name '*.o' -o -name '*.a' -o -perm -100 \\) ! -path '*/tests*/*' | sort | xargs sha256sum`;
  return ['bash', '-c', script];
}

/** Files by name and digest, tests by name. */
function outcomes(output: string): Outcomes {
  const found = new Map<string, string>();
  const at = output.lastIndexOf('=== made');
  for (const m of output.slice(0, at).matchAll(/^(PASS|FAIL|ERROR|SKIP|SKIPPED): (.+)$/gm))
    found.set(m[2], ENDS[m[1] as keyof typeof ENDS]);
  for (const m of output.slice(at).matchAll(/^([0-9a-f]{64}) {2}(.+)$/gm))
    found.set(`${m[2]} ${m[1].slice(0, 12)}`, 'ok');
  return found;
}

if (!canRun()) {
  console.log('skipped: needs root');
  process.exit(0);
}
for (const name of positionals.length > 0 ? positionals : Object.keys(PACKAGES)) {
  if (!(name in PACKAGES)) {
    console.error(`${name}: one of ${Object.keys(PACKAGES).join(', ')}`);
    process.exitCode = 2;
  } else if (!fetchSource(name, values.suite)) {
    console.log(`skipped: ${name}: its source is not to be had`);
  } else {
    await judgePart(
      {
        suite: 'packages',
        name,
        command: command(name),
        seconds: NATIVE_SECONDS,
        show: { [SOURCES]: SHOWN },
        outcomes: (ran) => outcomes(ran.output),
      },
      { again: values.again, patience: Number(values.patience) },
    );
  }
}
