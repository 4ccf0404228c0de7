import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { runCli } from './index.ts';

// `touchstone host list | head` closes the pipe early, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 70);
});

// A relative path there is to be ignored (XDG Base Directory Specification).
const configured = process.env['XDG_CONFIG_HOME'] ?? '';

process.exitCode = await runCli({
  argv: process.argv.slice(2),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  configHome: isAbsolute(configured) ? configured : join(homedir(), '.config'),
});
