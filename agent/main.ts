import { realpath } from 'node:fs/promises';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import { createAgentProgram } from './program.ts';

/** The rooms whose code runs in this process: measured on a software TPM host. */
const AGENT_ROOMS = [
  'agent',
  'appraisal',
  'endorsement',
  'eventlog',
  'schemas',
  'tpm',
  'transport',
  'tss',
];

const house = await realpath(fileURLToPath(new URL('..', import.meta.url)));
const program = createAgentProgram({
  stdout: process.stdout,
  stderr: process.stderr,
  workingDirectory: process.cwd(),
  pid: process.pid,
  searchPath: process.env['PATH'] ?? '',
  environment: process.env,
  defaultStateDir: process.env['TOUCHSTONE_AGENT_STATE'] ?? '/var/lib/touchstone-agent',
  defaultName: hostname(),
  agentFiles: AGENT_ROOMS.map((room) => `${house}/${room}`),
  machine: {
    devices: '/dev',
    tpmClass: '/sys/class/tpm',
    acpiTables: '/sys/firmware/acpi/tables',
  },
  stopOnSignal: () => {
    const controller = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => controller.abort());
    return controller.signal;
  },
  // The VM's process takes this one's place: its pid, its signals and its exit code are the caller's.
  replaceProcess: ({ command: [path, ...rest], environment }) =>
    process.execve?.(path, [path, ...rest], environment),
});
process.exitCode = await program(process.argv.slice(2));
