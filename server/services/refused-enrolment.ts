import type { ServerCode } from '../codes.ts';
import { countToAudit, raiseAlert } from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';

/**
 * People hear of it by an alert, which counts. The audit log has a line for the first of an hour, with the count:
 * whoever is refused may come again as often as they like, and fills no table.
 */
export async function tellRefused(
  on: Queryable,
  refused: { readonly code: ServerCode; readonly subject: string; readonly detail: string },
  now: Date,
): Promise<void> {
  const { code, subject, detail } = refused;
  await raiseAlert(on, refused, now);
  const count = await countToAudit(on, refused, now);
  if (count === null) return;
  const line = { actor: 'verifier', action: 'host.enrol.refused', subject };
  await appendAudit(on, { ...line, detail: `${code}: ${detail}; ${count} times by now` }, now);
}
