import type { ApiToken } from '@touchstone/schemas';
import { refusal } from '../codes.ts';

/** What an operator may do, unless it loosens. @throws AppError ROLE_MISSING */
export function requireApprover({ roles }: Pick<ApiToken, 'roles'>): void {
  if (!roles.includes('approver')) {
    throw refusal('ROLE_MISSING', { detail: 'This loosens: it takes the role approver.' });
  }
}
