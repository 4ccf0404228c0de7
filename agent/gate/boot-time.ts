import { uptime } from 'node:os';

/** CLOCK_BOOTTIME in seconds, to 10 ms: counts suspends, and no wall clock moves it. proc(5), uptime. */
export const bootTime = (): number => uptime();

/** The same in whole milliseconds, to keep in a file. */
export const bootMs = (): number => Math.round(bootTime() * 1_000);
