import type { StartRequest, Statement } from '@touchstone/schemas';
import { EvidenceError } from './evidence-error.ts';

/** Versions of statements that are read: the newest one, and the one before. */
export type StatementVersion = 1 | 2;

export const statementVersionOf = ({ schema }: Pick<Statement, 'schema'>): StatementVersion =>
  schema === 'touchstone/statement/2' ? 2 : 1;

/**
 * What a schema cannot say: that a statement has what its version has, and nothing of the other. The first has one
 * request and nothing that came later; the second says of each request at which door it was made and which disks were
 * not read, and names no request twice.
 * @throws EvidenceError STATEMENT_MALFORMED
 */
export function requireOneVersion(statement: Statement): void {
  if (statementVersionOf(statement) === 1) requireFirst(statement);
  else requireSecond(statement);
}

function requireFirst({ permits = [], sessionNonce, gate }: Statement): void {
  require(permits.length <= 1, 'statement.permits', 'one request in the first version');
  require(sessionNonce === undefined, 'statement.sessionNonce', 'not of the first version');
  require(gate === undefined, 'statement.gate', 'not of the first version');
  for (const { operation, door, dataDisks, savedState } of permits) {
    const later = door !== undefined || dataDisks !== undefined || savedState !== undefined;
    require(operation === 'start' && !later, 'statement.permits[0]', 'not of the first version');
  }
}

function requireSecond({ purpose, permits = [], sessionNonce, gate }: Statement): void {
  require(sessionNonce === undefined ||
    purpose === 'permit', 'statement.sessionNonce', 'in a statement that asks for no permit');
  require(gate === undefined ||
    purpose === 'attest', 'statement.gate', 'in a statement that does not attest');
  const seen = new Set<string>();
  for (const [at, request] of permits.entries()) {
    require(isWhole(request), `statement.permits[${at}]`, 'not whole in the second version');
    require(!seen.has(request.requestId), `statement.permits[${at}].requestId`, 'a second time');
    seen.add(request.requestId);
  }
}

const isWhole = ({ operation, door, dataDisks, savedState }: StartRequest): boolean =>
  door !== undefined &&
  dataDisks !== undefined &&
  (savedState !== undefined) === (operation === 'restore');

function require(holds: boolean, field: string, detail: string): void {
  if (!holds) throw new EvidenceError('STATEMENT_MALFORMED', field, { detail });
}
