export { type TpmRoots, tpmRootsOf } from './trusted-certificates.ts';
