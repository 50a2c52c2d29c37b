import { describePlatform } from '@sandbox/platform/conformance';
import { kvm } from '@sandbox/platform-kvm';

describePlatform('kvm', kvm());
