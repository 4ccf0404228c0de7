/** `up` starts the rooms as processes and is a process itself: nothing imports it but tests. */
export { createUpProgram } from './program.ts';
