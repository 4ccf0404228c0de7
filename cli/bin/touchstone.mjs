#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { continueInPinnedNode } from './pinned-node.mjs';

await continueInPinnedNode(fileURLToPath(import.meta.url));

// `up` and `demo` start the rooms as processes. The operator's command imports no room, so they are
// told apart here.
if (process.argv[2] === 'up' || process.argv[2] === 'demo') await import('../../up/main.ts');
else await import('../main.ts');
