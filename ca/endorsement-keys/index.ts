export { decommissionEk, readmitEk } from './decommission.ts';
export { pinEk, unpinEk, viewPins, viewWaiting } from './pins.ts';
export { viewKey, viewKeys } from './view-keys.ts';
