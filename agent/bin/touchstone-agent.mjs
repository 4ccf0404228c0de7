#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { continueInPinnedNode } from './pinned-node.mjs';

// The daemon stays for as long as its host runs, and works for a moment in each minute: the memory that V8
// would spend on speed is the hypervisor's. bench/README.md
const flags =
  process.argv[2] === 'daemon' ? ['--max-semi-space-size=2', '--optimize-for-size'] : [];
await continueInPinnedNode(fileURLToPath(import.meta.url), flags);
await import('../main.ts');
