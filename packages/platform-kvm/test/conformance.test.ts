import { describePlatform } from '@sandbox/platform/conformance';
import { kvm } from '@sandbox/platform-kvm';

describePlatform('kvm', kvm());
describePlatform('kvm, calls in shared memory', kvm({ spin: 'always' }));
