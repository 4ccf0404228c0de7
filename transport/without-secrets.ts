/** The secrets that this house hands out (tokens and cookies) begin like this; so does nothing else of it. */
const SECRET = /ts[a-z]_[A-Za-z0-9_%-]{8,}/gu;

/** For logs and records: whoever pastes a secret where an id belongs has not published it by that. */
export const withoutSecrets = (text: string): string => text.replaceAll(SECRET, '[redacted]');
