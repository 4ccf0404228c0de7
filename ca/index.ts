export type { CaConfig } from './config.ts';
