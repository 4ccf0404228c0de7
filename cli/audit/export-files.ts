import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../codes.ts';
import type { OperatorApi } from '../operator-api.ts';
import { contentOf } from './content.ts';
import { verdictFiles } from './verdict-files.ts';

export type ExportedFiles = {
  /** Paths. */
  readonly evidence: string;
  readonly context: string;
  /** SHA-256 of the outcome's bytes, as it was noted. */
  readonly outcome: string;
};

/**
 * Writes what a verdict was made from. No file that is there is overwritten.
 * @throws CliError VERDICT_NOT_MADE_AGAIN, FILE_UNWRITABLE
 */
export async function exportFiles(
  api: Pick<OperatorApi, 'verdict' | 'blob'>,
  id: string,
  directory: string,
): Promise<ExportedFiles> {
  const stored = await api.verdict(id);
  const { context } = stored;
  if (context === null) throw new CliError('VERDICT_NOT_MADE_AGAIN', 'of an older version');
  const files = await verdictFiles({ ...stored, context }, contentOf(api));
  if ('code' in files)
    throw new CliError('VERDICT_NOT_MADE_AGAIN', `${files.code}: ${files.where}`);
  const paths = {
    evidence: join(directory, 'evidence.json'),
    context: join(directory, 'context.json'),
  };
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(paths.evidence, jsonOf(files.evidence), { flag: 'wx' });
    await writeFile(paths.context, jsonOf(files.context), { flag: 'wx' });
  } catch (cause) {
    const { code = 'unwritable' } = cause as NodeJS.ErrnoException;
    throw new CliError('FILE_UNWRITABLE', `${directory}: ${code}`, cause);
  }
  return { ...paths, outcome: context.outcome };
}

const jsonOf = (data: unknown): string => `${JSON.stringify(data, null, 1)}\n`;
