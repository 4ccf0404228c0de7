export { keepLists } from './keep.ts';
export { placeForCertificate } from './place.ts';
export { type ListTimes, publishDue } from './publish.ts';
export { revoke, revokeTpm } from './revoke.ts';
