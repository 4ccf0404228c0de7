/** A configuration that cannot be used. Of its own, so that nothing of HTTP is loaded to say so. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG_INVALID';

  constructor(detail: string, cause?: unknown) {
    super(detail, { cause });
  }
}
