import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { house } from '../support/compose.ts';

const DOCUMENTS = globSync(['*.md', 'docs/**/*.md'], { cwd: house }).toSorted();

describe('The documents', () => {
  for (const path of DOCUMENTS) {
    it(`${path} links to what is there`, () => {
      const text = readFileSync(join(house, path), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/gu)) {
        if (/^https?:/u.test(target)) continue;
        assert.ok(existsSync(join(house, dirname(path), target)), target);
      }
    });
  }

  it('are found from README.md', () => {
    const readme = readFileSync(join(house, 'README.md'), 'utf8');
    for (const path of DOCUMENTS) {
      if (path === 'README.md' || path.startsWith('docs/decisions/')) continue;
      assert.ok(readme.includes(`(${path})`), path);
    }
  });
});
