export { EXIT, type ExitCode } from './exit-codes.ts';
export type { Input } from './input.ts';
export { runCli } from './run-cli.ts';
export type { Output } from './screen.ts';
export type { Connect, RunCliOptions } from './world.ts';
