/** The platform the environment of this process asks for: SANDBOX_PLATFORM, unless it is empty. */
export function environmentPlatform(): string | undefined {
  return process.env.SANDBOX_PLATFORM || undefined;
}
