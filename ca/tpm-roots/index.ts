export { addRoot, removeRoot } from './change-roots.ts';
export { heldCertificates } from './held-certificates.ts';
export { importCertificates } from './import-certificates.ts';
export { admittedBy, exportTpmRoots, listTpmRoots } from './list-roots.ts';
export { type TpmRoots, tpmRootsOf } from './trusted-certificates.ts';
