export { AppError, type AppErrorOptions } from './app-error.ts';
export { readJson } from './body.ts';
export {
  type Client,
  clientBy,
  type ClientRequest,
  type ByteClient,
  dateOf,
  type Exchange,
  exchangeError,
  failedExchange,
  ProblemError,
} from './client.ts';
export { createEdge, type Route } from './edge.ts';
export { boundLargeBodies, type LargeBodies } from './large-bodies.ts';
export { type Listening, type ListeningTls, listenTls, listenUnix } from './listen.ts';
export { checkPin, spkiPinOf } from './pin.ts';
export { problemOf } from './problem.ts';
export { anyKeyClient, pinnedClient } from './tls-client.ts';
export { openTlsIdentity, type TlsIdentity } from './tls-identity.ts';
export { unixClient } from './unix-client.ts';
export { withoutSecrets } from './without-secrets.ts';
export { type Bucket, bucketsBy, tokenBuckets } from './token-buckets.ts';
