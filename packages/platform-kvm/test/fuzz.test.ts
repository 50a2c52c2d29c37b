import { describeFuzz } from '@sandbox/platform/conformance';
import { kvm } from '@sandbox/platform-kvm';

const { FUZZ_RUNS, FUZZ_SEED } = process.env;

describeFuzz('kvm', kvm(), { runs: Number(FUZZ_RUNS ?? 2000), seed: Number(FUZZ_SEED ?? 1) });
