import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { AgentCheck } from '@touchstone/schemas';
import { readConfig } from '../config.ts';
import { readBindingRecord, readEnrolment, readKeyRecord } from '../state/identity.ts';
import { failure, fault, ok, warning } from './check.ts';

const SUBJECT = 'state directory';
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/** Modes and owners of the state directory and of what lies in it, and whether its files can be read. */
export async function checkState(stateDir: string): Promise<AgentCheck[]> {
  let directory: { readonly mode: number; readonly uid: number };
  try {
    directory = await stat(stateDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return [unreadable(error)];
    return [warning('NOT_ENROLLED', SUBJECT, `${stateDir} is not there yet`)];
  }
  const { mode, uid } = directory;
  const shown = `${stateDir}: owner ${uid}, mode ${octal(mode)}`;
  if ((mode & OTHERS) !== 0) return [fault('STATE_EXPOSED', SUBJECT, shown)];
  let entries: Awaited<ReturnType<typeof entriesOf>>;
  try {
    entries = await entriesOf(stateDir);
  } catch (error) {
    return [unreadable(error)];
  }
  const found = [...(await checkFiles(stateDir))];
  const foreign = entries.filter((entry) => entry.uid !== uid);
  if (foreign.length > 0)
    found.push(fault('STATE_OWNERS', SUBJECT, `${shown}; ${listed(foreign)}`));
  const open = entries.filter((entry) => !entry.socket && (entry.mode & OTHERS_WRITE) !== 0);
  if (open.length > 0) found.push(fault('STATE_EXPOSED', SUBJECT, listed(open)));
  if (uid !== process.geteuid?.() && process.geteuid?.() !== 0) {
    found.push(warning('STATE_OWNERS', SUBJECT, `${shown}; doctor runs as ${process.geteuid?.()}`));
  }
  return found.length === 0 ? [ok(SUBJECT, shown)] : found;
}

/** Read and not used: what is malformed is named. */
async function checkFiles(stateDir: string): Promise<AgentCheck[]> {
  const reads = [
    readKeyRecord(stateDir),
    readBindingRecord(stateDir),
    readEnrolment(stateDir),
    readConfig(stateDir, []),
  ];
  const outcomes = await Promise.allSettled(reads);
  return outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [failure(SUBJECT, outcome.reason)] : [],
  );
}

async function entriesOf(stateDir: string) {
  const below = await Promise.all(
    ['', 'swtpm'].map(async (name) => {
      const directory = join(stateDir, name);
      const names = await readdir(directory).catch((error: unknown) => {
        if (name !== '' && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      });
      return names.map((entry) => join(directory, entry));
    }),
  );
  const statuses = below.flat().map(async (path) => {
    // Written anew by rename: one that is gone meanwhile is none.
    const status = await stat(path).catch(() => null);
    if (status === null) return [];
    return [{ path, mode: status.mode, uid: status.uid, socket: status.isSocket() }];
  });
  return (await Promise.all(statuses)).flat();
}

const octal = (mode: number): string => (mode & 0o777).toString(8);

const listed = (
  entries: readonly { readonly path: string; readonly mode: number; readonly uid: number }[],
): string =>
  entries.map(({ path, mode, uid }) => `${path}: owner ${uid}, mode ${octal(mode)}`).join('; ');

const unreadable = (error: unknown): AgentCheck =>
  fault('STATE_UNREADABLE', SUBJECT, error instanceof Error ? error.message : String(error));
