import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UpError } from './failure.ts';

/** `retentionDays` of both rooms' configurations, where the operator has said something. */
export type Retention = { readonly server?: object; readonly ca?: object };

/**
 * How long the operator wants which records kept: `retention.json` of the data directory. The rooms judge the
 * numbers when they read their configuration.
 * @throws UpError RETENTION_MALFORMED
 */
export async function retentionOf(dataDir: string): Promise<Retention> {
  const file = join(dataDir, 'retention.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw malformed(file, 'cannot be read', cause);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isRetention(value)) return value;
  } catch (cause) {
    throw malformed(file, 'is no JSON', cause);
  }
  throw malformed(file, 'has another shape');
}

function isRetention(value: unknown): value is Retention {
  return (
    isObject(value) &&
    Object.entries(value).every(([room, days]) => ['server', 'ca'].includes(room) && isObject(days))
  );
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const malformed = (file: string, what: string, cause?: unknown): UpError =>
  new UpError(
    'RETENTION_MALFORMED',
    `${file} ${what}`,
    'Write it like {"server": {"attestations": 90}, "ca": {"certificates": 400}}: kinds and days of docs/deployment.md.',
    cause,
  );
