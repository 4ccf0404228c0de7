import { uptime } from 'node:os';

/** CLOCK_BOOTTIME in seconds, to 10 ms: counts suspends, and no wall clock moves it. proc(5), uptime. */
export const bootTime = (): number => uptime();
