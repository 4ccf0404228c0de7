import { AppError, type AppErrorOptions } from '@touchstone/transport';
import { CA_CODES, type CaCode } from './codes.ts';

/** An AppError with the texts of its code. */
export function caError(code: CaCode, status: number, options: AppErrorOptions = {}): AppError {
  const { title, remedy } = CA_CODES[code];
  return new AppError(code, status, { title, remedy, ...options });
}
