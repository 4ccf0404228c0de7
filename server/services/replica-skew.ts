/** Two replicas may each be 2 s off the database before they refuse to serve. */
export const SKEW_MS = 4_000;
