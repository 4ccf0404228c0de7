import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseStrictJson } from '../index.ts';

const parse = (text: string) => parseStrictJson(new TextEncoder().encode(text));

describe('strict JSON', () => {
  for (const [given, text, code] of [
    ['a duplicate key', '{"a":1,"a":2}', 'JSON_DUPLICATE_KEY'],
    ['a duplicate key hidden by an escape', String.raw`{"a":1,"\u0061":2}`, 'JSON_DUPLICATE_KEY'],
    ['a duplicate key with room before its colon', '{"a":1,"a" \n\t:2}', 'JSON_DUPLICATE_KEY'],
    ['a duplicate key deep inside', '[{"b":[{"a":1,"c":{"a":1},"a":2}]}]', 'JSON_DUPLICATE_KEY'],
    ['a key of every prototype', '{"__proto__":{"admin":true}}', 'JSON_FORBIDDEN_KEY'],
    ['an integer past 2^53', '{"a":9007199254740993}', 'JSON_NUMBER_UNSAFE'],
    ['a fraction', '[1.5]', 'JSON_NUMBER_UNSAFE'],
    ['an overflowing exponent', '[1e400]', 'JSON_NUMBER_UNSAFE'],
    ['a lone surrogate', String.raw`["\ud800"]`, 'JSON_LONE_SURROGATE'],
    ['a byte order mark', '\ufeff{}', 'JSON_SYNTAX'],
    ['a trailing comma', '[1,]', 'JSON_SYNTAX'],
    ['an unterminated string', String.raw`["a\"]`, 'JSON_SYNTAX'],
    ['nothing', '', 'JSON_SYNTAX'],
    ['two values', '{}{}', 'JSON_SYNTAX'],
    ['nesting past the bound', `${'['.repeat(33)}${']'.repeat(33)}`, 'JSON_TOO_DEEP'],
  ] as const) {
    it(`refuses ${given}: ${code}`, () => {
      assert.throws(() => parse(text), { name: 'JsonError', code });
    });
  }

  it('refuses bytes that are not UTF-8: JSON_NOT_UTF8', () => {
    assert.throws(() => parseStrictJson(Uint8Array.of(0x22, 0xc3, 0x28, 0x22)), {
      code: 'JSON_NOT_UTF8',
    });
  });

  it('refuses more bytes than the bound: JSON_TOO_LARGE', () => {
    assert.throws(() => parseStrictJson(new Uint8Array(11), { maxBytes: 10 }), {
      code: 'JSON_TOO_LARGE',
    });
  });

  it('refuses more tokens than the bound, of whichever kind: JSON_TOO_MANY_TOKENS', () => {
    for (const [text, tokens] of [
      ['{"a":[{"b":"x"},{"b":"y:"}]}', 9],
      ['[[],[],{}]', 4],
      ['[0,-1,"",true]', 4],
    ] as const) {
      const bytes = new TextEncoder().encode(text);
      const code = 'JSON_TOO_MANY_TOKENS';
      assert.throws(() => parseStrictJson(bytes, { maxTokens: tokens - 1 }), { code });
      parseStrictJson(bytes, { maxTokens: tokens });
    }
  });

  it('takes the same key in two objects, and quotes and braces inside strings', () => {
    const text = String.raw`[{"a":"{\"a\":1,"},{"a":"]}\\"}]`;
    assert.deepEqual(parse(text), JSON.parse(text));
  });

  it('reads a string of ten megabytes without a deep stack', () => {
    const text = `["${'x'.repeat(10_000_000)}"]`;
    const value = parseStrictJson(new TextEncoder().encode(text), { maxBytes: 20_000_000 });
    assert.equal((value as string[])[0]?.length, 10_000_000);
  });

  it('reads whatever JSON.stringify writes of integers and strings', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.maxSafeInteger(),
        fc.string({ unit: 'binary' }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1 }), tie('any'), { maxKeys: 4 }),
      ),
    })).any;
    const forbidden = /__proto__|constructor|prototype/u;
    fc.assert(
      fc.property(value, (given) => {
        const text = JSON.stringify(given);
        fc.pre(!forbidden.test(text) && text.isWellFormed());
        assert.deepEqual(parse(text), JSON.parse(text));
      }),
    );
  });
});
