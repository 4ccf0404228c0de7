import { JsonError, type Problem, SchemaError } from '@touchstone/schemas';
import { AppError } from './app-error.ts';
import { withoutSecrets } from './without-secrets.ts';

/** The most findings that one problem carries; `Problem` in the schemas bounds them. */
const MAX_FINDINGS = 256;

/**
 * Problem details (RFC 9457) for whatever was thrown. What nobody foresaw is an opaque 500: its text
 * may hold what the caller must not see.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof AppError) return ofAppError(error);
  if (error instanceof JsonError) {
    return problem(400, error.code, 'The body is not strict JSON', {
      detail: `${error.code} at offset ${error.offset}`,
    });
  }
  if (error instanceof SchemaError) {
    return problem(400, error.code, 'The body does not have the shape of its schema', {
      detail: error.message,
      field: error.field,
    });
  }
  if (isParseError(error)) {
    return problem(400, error.code, 'Bytes in the body could not be parsed', {
      detail: `${error.field} at offset ${error.offset}`,
      field: error.field,
    });
  }
  return problem(500, 'INTERNAL', 'The request failed for a reason of our own', {
    remedy: 'Look for the request id in the log of this process.',
  });
}

type Extras = Partial<Pick<Problem, 'detail' | 'field' | 'remedy' | 'findings' | 'ima'>>;

function problem(status: number, code: string, title: string, extras: Extras): Problem {
  const type = `urn:touchstone:problem:${code.toLowerCase().replaceAll('_', '-')}`;
  return { type, title, status, code, ...plain(extras) };
}

function ofAppError(error: AppError): Problem {
  const { detail, field, remedy, findings, ima } = error;
  return problem(error.status, error.code, error.title, {
    ...(detail === undefined ? {} : { detail }),
    ...(field === undefined ? {} : { field }),
    ...(remedy === undefined ? {} : { remedy }),
    ...(findings === undefined ? {} : { findings: findings.slice(0, MAX_FINDINGS) }),
    ...(ima === undefined ? {} : { ima }),
  });
}

const LENGTH = { detail: 1_024, field: 256, remedy: 1_024 } as const;

/** One line, no control characters, no secrets, bounded: these texts end in terminals and logs. */
function plain(extras: Extras): Extras {
  const clean: Extras = { ...extras };
  for (const key of ['detail', 'field', 'remedy'] as const) {
    const text = extras[key];
    if (text !== undefined) clean[key] = oneLine(withoutSecrets(text), LENGTH[key]);
  }
  return clean;
}

const oneLine = (text: string, maxLength: number): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, maxLength);

/** ParseError of `@touchstone/tpm`, told by its shape: this room stands beside that one. */
function isParseError(error: unknown): error is Error & {
  code: string;
  field: string;
  offset: number;
} {
  return (
    error instanceof Error &&
    error.name === 'ParseError' &&
    'code' in error &&
    typeof error.code === 'string' &&
    'field' in error &&
    typeof error.field === 'string' &&
    'offset' in error &&
    typeof error.offset === 'number'
  );
}
