import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Middleware } from 'koa';
import { AppError } from '@touchstone/transport';

type PageFile = { readonly bytes: Buffer; readonly type: string };

/** Paths to files. Nothing of a request ever becomes a path of the file system. */
export type Page = ReadonlyMap<string, PageFile>;

export const NO_PAGE: Page = new Map();

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Only what came from here runs and is shown, nothing inline, and text cannot become markup. */
const POLICY = [
  "default-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** The built page, a few files, whole in memory; none where it was not built. */
export async function readPage(directory: string): Promise<Page> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const files = entries.filter((entry) => entry.isFile() && TYPES[extname(entry.name)]);
  const read = files.map(async ({ name, parentPath }) => {
    const path = join(parentPath, name).slice(directory.length);
    return [
      path,
      { bytes: await readFile(join(parentPath, name)), type: TYPES[extname(name)] ?? '' },
    ];
  });
  return new Map((await Promise.all(read)) as [string, PageFile][]);
}

/** The page's own addresses: what they show it asks for itself. */
const VIEWS = /^\/(?:hosts\/[a-z0-9._-]{1,63})?$/u;
const ASSETS = '/assets/';

export function servePage(page: Page): Middleware {
  return async (ctx, next) => {
    const isView = VIEWS.test(ctx.path);
    const file = page.get(isView ? '/index.html' : ctx.path);
    if (!['GET', 'HEAD'].includes(ctx.method) || (file === undefined && !isView)) return next();
    if (file === undefined) throw notBuilt();
    // What is in assets/ has its content's hash in its name.
    const unchanging = ctx.path.startsWith(ASSETS);
    ctx.set({
      'content-security-policy': POLICY,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': unchanging ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    ctx.type = file.type;
    ctx.body = file.bytes;
  };
}

const notBuilt = (): AppError =>
  new AppError('PAGE_NOT_BUILT', 404, {
    title: 'The fleet page is not built',
    remedy: 'Run `sh deploy/setup/page.sh` in the checkout and start the server again.',
  });
