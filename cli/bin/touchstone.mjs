#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { continueInPinnedNode } from './pinned-node.mjs';

await continueInPinnedNode(fileURLToPath(import.meta.url));

// These know the data directory and start the rooms as processes. The operator's command imports no room, so
// they are told apart here.
const ofUp = [
  ...['up', 'demo', 'backup', 'restore', 'move'],
  ...['ca backup', 'ca restore', 'keys rotate tls'],
];
const asked = process.argv.slice(2);
if (ofUp.some((name) => asked.slice(0, name.split(' ').length).join(' ') === name))
  await import('../../up/main.ts');
else await import('../main.ts');
