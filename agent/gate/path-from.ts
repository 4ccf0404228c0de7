import { isAbsolute } from 'node:path';

/**
 * A path as the kernel takes it that was named in a directory. Not shortened: behind a link to a directory `..` leads to
 * where that directory is, and the text without it to another file.
 */
export const pathFrom = (directory: string, named: string): string =>
  isAbsolute(named) ? named : `${directory.replace(/\/+$/u, '')}/${named}`;
