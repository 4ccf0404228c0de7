export { keepRotating } from './keeper.ts';
export { advanceRotation, startRotation, takeBackRotation } from './operate.ts';
export { ownStatus } from './own-status.ts';
export { takeProgress } from './progress.ts';
export { refuseAuthority } from './refuse.ts';
export { showRotation } from './show.ts';
export type { RotationContext } from './transition.ts';
