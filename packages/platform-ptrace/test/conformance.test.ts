import { describePlatform } from '@sandbox/platform/conformance';
import { ptrace } from '@sandbox/platform-ptrace';

describePlatform('ptrace', ptrace());
