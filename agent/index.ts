/** The agent is a process: nothing imports it but what starts it in a test. */
export { createAgentProgram } from './program.ts';
export type { AgentSurroundings } from './surroundings.ts';
/** Readers of what others wrote, for those who try them with anything. */
export { readQcow2Header } from './images/image-header.ts';
export { canonicalOf } from './libvirt/domain/canonical.ts';
export { readDisks } from './libvirt/domain/disks.ts';
export { requireCovered } from './libvirt/domain/uncovered.ts';
export { parseXml } from './libvirt/domain/xml.ts';
