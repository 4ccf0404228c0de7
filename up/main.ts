import process from 'node:process';
import { createUpProgram } from './program.ts';

const controller = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(signal, () => controller.abort());
}
process.exitCode = await createUpProgram(controller.signal)(process.argv.slice(2));
