import assert from 'node:assert/strict';
import { canonicalOf, type View } from '../libvirt/domain/canonical.ts';
import { VOLATILE } from '../libvirt/domain/volatile.ts';
import { parseXml } from '../libvirt/domain/xml.ts';
import { preparedXml } from './support/domain-xml.ts';

describe('the form of a domain', () => {
  const xml = preparedXml('/images');
  const formOf = (text: string, view: View) => JSON.stringify(canonicalOf(parseXml(text), view));

  /** Each value of the XML, the text of an element or an attribute's, that may be another without a trace. */
  const uncounted = (view: View): string[] => {
    const values = [...xml.matchAll(/(?<==')[^']*(?=')|(?<=>)[^<>\s][^<>]*(?=<)/gu)];
    assert.ok(values.length > 60);
    return values.flatMap(({ index, 0: value }) => {
      const other = `${xml.slice(0, index)}${value}x${xml.slice(index + value.length)}`;
      if (formOf(other, view) !== formOf(xml, view)) return [];
      const before = xml.slice(0, index);
      const named = /([\w]+)='$/u.exec(before)?.[1];
      return [named === undefined ? value : `${named}=${value}`];
    });
  };

  it('counts each value, but for the number of the start, people’s notes, and a port that was free', () => {
    assert.deepEqual(uncounted('definition'), ['id=3', 'xmlns=urn:people', 'ours', 'port=-1']);
  });

  it('does not count, once it was started, what libvirt fills in', () => {
    assert.deepEqual(uncounted('started'), [
      ...['id=3', 'xmlns=urn:people', 'ours'],
      ...['mode=custom', 'match=exact', 'check=none', 'fallback=forbid', 'qemu64'],
      ...['name=qemu', 'type=raw'],
      ...['port=-1', 'listen=127.0.0.1', 'type=address', 'address=127.0.0.1'],
    ]);
  });

  it('leaves out nothing without a reason', () => {
    for (const { path, why } of VOLATILE) assert.ok(why.length > 10, path);
  });
});
