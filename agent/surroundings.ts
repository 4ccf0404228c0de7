import { join } from 'node:path';
import type { Launch } from './run.ts';
import type { Machine } from './tpm/host-tpm.ts';

/** What the command line is given of the process that it runs in. */
export type AgentSurroundings = {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly workingDirectory: string;
  readonly pid: number;
  readonly searchPath: string;
  /** The caller's, of which a command has what it is given by name. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly defaultStateDir: string;
  readonly defaultName: string;
  readonly agentFiles: readonly string[];
  readonly machine: Machine;
  readonly stopOnSignal: () => AbortSignal;
  /** Returns only when it could not. */
  readonly replaceProcess: (launch: Launch) => unknown;
};

/** Where the agent of that state directory answers. */
export const socketPathOf = (stateDir: string): string => join(stateDir, 'agent.sock');
