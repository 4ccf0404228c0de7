import type { Queryable } from './database.ts';
import type { Host, Mark } from './host.ts';
import { dayOf } from './day.ts';
import { HOST_SELECTED, hostOf, type HostRow } from './host-row.ts';

type MovedMark = {
  readonly host: Host;
  readonly caEpoch: number;
  readonly statementVersion: number;
};

/**
 * Moves the mark, and locks the host until the transaction ends. Single use of evidence is this one
 * statement: only counters greater than those seen move it, so that of two deliveries of one piece, to
 * whatever replica, one moves it and the other gets null. `caEpoch` is that of the newest list of issuers that any
 * replica has; `statementVersion` the newest that the host has shown.
 */
export async function moveMark(
  on: Queryable,
  moved: {
    readonly akName: string;
    readonly mark: Mark;
    readonly evidence: string;
    readonly statementVersion: number;
    /** Whether it says what runs there. */
    readonly tellsOfGate: boolean;
    readonly now: Date;
  },
): Promise<MovedMark | null> {
  const { rows } = await on.query<HostRow & { ca_epoch: string; statement_version: number }>(
    `UPDATE hosts
        SET reset_count = $2, restart_count = $3, clock = $4,
            mark_evidence = $5, last_authentic_at = $6, mark_evidence_day = $7,
            evidence_doubted = false, mark_issuer = ak_issuer,
            statement_version = greatest(statement_version, $8),
            gate_told_at = CASE WHEN $9 THEN $6 ELSE gate_told_at END
      WHERE ak_name = $1 AND removed_at IS NULL
        AND (reset_count, restart_count, clock) < ($2::numeric, $3::numeric, $4::numeric)
      RETURNING ${HOST_SELECTED}, statement_version, coalesce((SELECT epoch FROM ca_bundle), 0) AS ca_epoch`,
    [
      moved.akName,
      moved.mark.resetCount.toString(),
      moved.mark.restartCount.toString(),
      moved.mark.clock.toString(),
      moved.evidence,
      moved.now,
      dayOf(moved.now),
      moved.statementVersion,
      moved.tellsOfGate,
    ],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { ca_epoch: caEpoch, statement_version: statementVersion } = row;
  return { host: hostOf(row), caEpoch: Number(caEpoch), statementVersion };
}

/** The order of the statement above: whether `one` is of a time before `other` by the TPM's own counters. */
export function isEarlier(one: Mark, other: Mark): boolean {
  if (one.resetCount !== other.resetCount) return one.resetCount < other.resetCount;
  if (one.restartCount !== other.restartCount) return one.restartCount < other.restartCount;
  return one.clock < other.clock;
}
