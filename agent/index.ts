/** The agent is a process: nothing imports it but what starts it in a test. */
export { type AgentSurroundings, createAgentProgram } from './program.ts';
