#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { continueInPinnedNode } from './pinned-node.mjs';

// The daemon and its courier stay for as long as their host runs, and work for a moment in each minute: the memory
// that V8 would spend on speed is the hypervisor's. bench/README.md
const stays = ['daemon', 'courier'].includes(process.argv[2]);
const flags = stays ? ['--max-semi-space-size=2', '--optimize-for-size'] : [];
await continueInPinnedNode(fileURLToPath(import.meta.url), flags);
// The courier takes as little memory as it can: none of the rest is loaded.
if (process.argv[2] === 'courier') await import('../courier/main.ts');
else await import('../main.ts');
