import type { AuditEntry, AuditList } from '@touchstone/schemas';
import { CliError } from '../codes.ts';

/** Lines that come while it is read are on a page that was read before; they wait for the next time. */
export async function wholeLog(
  api: { audit(cursor?: string): Promise<AuditList> },
  onProgress: (lines: number) => void,
): Promise<AuditEntry[]> {
  const pages: AuditEntry[][] = [];
  let lines = 0;
  let cursor: string | undefined;
  do {
    const page = await api.audit(cursor);
    const [earliest] = pages[0] ?? [];
    const latest = page.entries.at(-1);
    // A log that does not go back has no beginning.
    const goesBack = latest !== undefined && latest.sequence < (earliest?.sequence ?? Infinity);
    if (page.nextCursor !== undefined && !goesBack) throw new CliError('LIST_TOO_LONG');
    pages.unshift(page.entries);
    lines += page.entries.length;
    if (pages.length % 100 === 0) onProgress(lines);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return pages.flat();
}
