#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { continueInPinnedNode } from './pinned-node.mjs';

await continueInPinnedNode(fileURLToPath(import.meta.url));
await import('../main.ts');
