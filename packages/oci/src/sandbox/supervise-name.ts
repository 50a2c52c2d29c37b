/** The command of the supervisor's own process, which callers never give. */
export const SUPERVISE = 'supervise-sandbox';
