/** The agent is a process: nothing imports it but what starts it in a test. */
export { createAgentProgram } from './program.ts';
export type { AgentSurroundings } from './surroundings.ts';
