import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRNORM } from '@sandbox/abi';

/** What ends the sleep of a reader. */
export const READ_EVENTS = POLLIN | POLLRDNORM | POLLRDHUP | POLLHUP | POLLERR;
/** Any event: what ends the sleep of somebody who waits for an answer. */
export const ALL_EVENTS = -1;
/** What ends the sleep of a writer. */
export const WRITE_EVENTS = POLLOUT | POLLWRNORM | POLLHUP | POLLERR;
