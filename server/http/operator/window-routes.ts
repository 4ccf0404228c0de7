import {
  Slug,
  WindowChange,
  WindowClosing,
  WindowHosts,
  WindowList,
  WindowOpening,
  WindowRecord,
} from '@touchstone/schemas';
import { closeWindow } from '../../services/end-window.ts';
import { openWindow } from '../../services/open-window.ts';
import { viewWindow, viewWindowHosts, viewWindows } from '../../services/windows.ts';
import { type OperatorRoute, route } from '../operator-route.ts';

/** Update windows. */
export const WINDOW_ROUTES: readonly OperatorRoute[] = [
  route({
    method: 'GET',
    path: '/v1/windows',
    summary: 'Open update windows; with `all`, every one',
    paged: true,
    takesAll: true,
    role: 'viewer',
    answer: WindowList,
    handle: ({ verifier, page, all }) => viewWindows(verifier, page, { all }),
  }),
  route({
    method: 'POST',
    path: '/v1/windows',
    summary: 'Accept drafts of a name beside what is active, for a time',
    role: 'approver',
    body: WindowOpening,
    answer: WindowChange,
    handle: ({ verifier, by, body }) => openWindow(verifier, by, body),
  }),
  route({
    method: 'GET',
    path: '/v1/windows/:key',
    summary: 'One update window, by id, or the latest of a name',
    role: 'viewer',
    key: Slug,
    answer: WindowRecord,
    handle: ({ verifier, key }) => viewWindow(verifier, key),
  }),
  route({
    method: 'GET',
    path: '/v1/windows/:key/hosts',
    summary: 'Hosts that it is for, and which the new documents have accepted',
    paged: true,
    role: 'viewer',
    key: Slug,
    answer: WindowHosts,
    handle: ({ verifier, key, page }) => viewWindowHosts(verifier, key, page),
  }),
  route({
    method: 'POST',
    path: '/v1/windows/:key/closing',
    summary: 'End it before its time, for the new documents or for the old',
    role: 'approver',
    key: Slug,
    body: WindowClosing,
    answer: WindowChange,
    handle: ({ verifier, by, key, body }) => closeWindow(verifier, by, key, body),
  }),
];
