export { AppError, type AppErrorOptions } from './app-error.ts';
export { readJson } from './body.ts';
export {
  anyKeyClient,
  type Client,
  type ByteClient,
  type ClientRequest,
  pinnedClient,
  ProblemError,
  unixClient,
} from './client.ts';
export { createEdge, type Route } from './edge.ts';
export { boundLargeBodies, type LargeBodies } from './large-bodies.ts';
export { type Listening, type ListeningTls, listenTls, listenUnix } from './listen.ts';
export { checkPin, spkiPinOf } from './pin.ts';
export { problemOf } from './problem.ts';
export { openTlsIdentity, type TlsIdentity } from './tls-identity.ts';
export { withoutSecrets } from './without-secrets.ts';
export { type Bucket, bucketsBy, tokenBuckets } from './token-buckets.ts';
