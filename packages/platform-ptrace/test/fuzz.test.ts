import { describeFuzz } from '@sandbox/platform/conformance';
import { ptrace } from '@sandbox/platform-ptrace';

const { FUZZ_RUNS, FUZZ_SEED } = process.env;

describeFuzz('ptrace', ptrace(), { runs: Number(FUZZ_RUNS ?? 2000), seed: Number(FUZZ_SEED ?? 1) });
