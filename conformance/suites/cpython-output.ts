/** Reads what `python3 -m test -v --junit-xml FILE` printed, the file's text after `=== junit`. */

/** How each test case ended, by its full name. */
type CaseResult = 'ok' | 'skipped' | 'fails' | 'unfinished';

export function parseCases(output: string): ReadonlyMap<string, CaseResult> {
  const at = output.lastIndexOf('=== junit\n');
  const xml = at < 0 ? '' : output.slice(at);
  const cases = new Map<string, CaseResult>();
  for (const m of xml.matchAll(/<testcase name="([^"]+)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const body = m[2] ?? '';
    const how = /<(failure|error)\b/.test(body) ? 'fails' : /<skipped\b/.test(body) ? 'skipped' : 'ok';
    // A test has one entry for each subtest that failed.
    if (cases.get(m[1]) !== 'fails') cases.set(m[1], how);
  }
  return cases.size > 0 ? cases : parseLines(output);
}

/** Without the file (the run did not end) the lines tell what there was until then. */
function parseLines(output: string): ReadonlyMap<string, CaseResult> {
  const cases = new Map<string, CaseResult>();
  let open: string | null = null;
  for (const line of output.split('\n')) {
    const start = /^(\w+) \((?:__main__\.)?([\w.]+)\)/.exec(line);
    if (start) {
      open = start[2].endsWith(`.${start[1]}`) ? start[2] : `${start[2]}.${start[1]}`;
      cases.set(open, 'unfinished');
    }
    const end = /(?:^|\.\.\. )(ok|FAIL|ERROR|skipped\b.*|expected failure)$/.exec(line);
    if (open && end) {
      cases.set(
        open,
        end[1] === 'ok' || end[1] === 'expected failure'
          ? 'ok'
          : end[1].startsWith('skipped')
            ? 'skipped'
            : 'fails',
      );
      open = null;
    }
  }
  return cases;
}

/** Why a module ran no test to a pass: its own reason, or the one most of its cases give. */
export function whyNone(output: string): string {
  const module = /^test_\S+ skipped -- (.+)$/m.exec(output);
  if (module) return module[1];
  const counts = new Map<string, number>();
  for (const m of output.matchAll(/ \.\.\. skipped (['"])(.*)\1$/gm))
    counts.set(m[2], (counts.get(m[2]) ?? 0) + 1);
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  if (first) return first[0];
  return /^(?:Total tests: run=0|Ran 0 tests)/m.test(output) ? 'it holds no test' : 'it fails natively';
}

/**
 * The parts of a run of several modules, each as if it had run alone: what it printed and its suites. It ends
 * before a module that cannot be told from the next one, as one that runs tests of its own inside.
 */
export function splitModules(output: string): ReadonlyMap<string, { output: string; seconds: number }> {
  const parts = new Map<string, { output: string; seconds: number }>();
  const at = output.lastIndexOf('=== junit\n');
  if (at < 0) return parts;
  const suites = output.slice(at).match(/<testsuite (?:[^>]*\/>|.*?<\/testsuite>)/gs) ?? [];
  // A module may leave the writer of the file unusable: then the lines tell, where they tell all tests.
  const unwritten = suites.length === 0;
  const pieces = output.slice(0, at).split(/^[\d:]+ load avg: [\d.]+ \[ *\d+\/\d+\] (test_[\w.]+)$/m);
  for (let i = 1; i < pieces.length; i += 2) {
    let mine = '';
    let seconds = 0;
    let tests = 0;
    for (const ran of pieces[i + 1].matchAll(/^Ran (\d+) tests? in ([\d.]+)s$/gm)) {
      tests += Number(ran[1]);
      seconds += Number(ran[2]);
      if (unwritten) continue;
      const suite = suites.shift();
      if (!suite || /tests="(\d+)"/.exec(suite)?.[1] !== ran[1]) return parts;
      mine += suite;
    }
    if (unwritten && parseLines(pieces[i + 1]).size !== tests) continue;
    parts.set(pieces[i], { output: `${pieces[i + 1]}\n=== junit\n${mine}`, seconds });
  }
  return parts;
}
