#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { continueInPinnedNode } from './pinned-node.mjs';

await continueInPinnedNode(fileURLToPath(import.meta.url));

// These know the data directory and start the rooms as processes. The operator's command imports no room, so
// they are told apart here.
const ofUp = ['up', 'demo', 'backup', 'restore', 'move'];
if (ofUp.includes(process.argv[2])) await import('../../up/main.ts');
else await import('../main.ts');
