// Is this host, now, the one that the server called trusted? One page, and nothing but Node: docs/programs.md.
//   node verify-proof.mjs --keys KEYS --result RESULT --proof PROOF --nonce HEX
// KEYS: the server's trust bundle, or a JWKS of its result keys. RESULT and PROOF: what the program was answered.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';

const SKEW_SECONDS = 60;
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const base64url = (text) => Buffer.from(text, 'base64url');
const require = (holds, code) => {
  if (!holds) throw new Error(code);
};

/** Forward through big-endian bytes, and to their end: TCG, Part 1, 11. */
function cursor(bytes) {
  let at = 0;
  const take = (size) => {
    require(at + size <= bytes.length, 'TRUNCATED');
    return bytes.subarray(at, (at += size));
  };
  const uint = (size) => BigInt(`0x${take(size).toString('hex')}`);
  const number = (size) => Number(uint(size));
  const sized = () => take(number(2));
  return { take, uint, number, sized, end: () => require(at === bytes.length, 'TRAILING_BYTES') };
}

/** The server's word, signed by a result key, and in force. */
function claimsOf(result, { keys, issuer }, now) {
  const [head, body, signature, more] = result.trim().split('.');
  require(signature !== undefined && more === undefined, 'RESULT_MALFORMED');
  const { alg, kid, typ } = JSON.parse(base64url(head).toString());
  const named = keys.filter((key) => (key.jwk ? key.use === 'result' && key.jwk : key).kid === kid);
  require(alg === 'ES256' &&
    typ === 'touchstone-result+jwt' &&
    named.length === 1, 'RESULT_KEY_UNKNOWN');
  const key = createPublicKey({ key: named[0].jwk ?? named[0], format: 'jwk' });
  const signed = Buffer.from(`${head}.${body}`);
  require(verify(
    'sha256',
    signed,
    { key, dsaEncoding: 'ieee-p1363' },
    base64url(signature),
  ), 'RESULT_SIGNATURE');
  const claims = JSON.parse(base64url(body).toString());
  require(issuer === undefined || claims.iss === issuer, 'RESULT_ISSUER');
  require(claims.iat <= now + SKEW_SECONDS && now < claims.exp, 'RESULT_NOT_IN_FORCE');
  const { host } = claims.submods;
  require(host['touchstone.state'] === 'trusted' &&
    host['ear.status'] === 'affirming', 'HOST_NOT_TRUSTED');
  return { hostId: claims.sub, ...host };
}

/** TPM2B_PUBLIC of a restricted signing key: its Name, and the key in it. Part 2, 12.2.4. */
function attestationKey(bytes) {
  const whole = cursor(bytes);
  const area = whole.sized();
  whole.end();
  const read = cursor(area);
  const type = read.number(2);
  require(read.number(2) === 0x000b, 'AK_NAME_ALGORITHM');
  // fixedTPM, restricted, sign: Part 2, 8.3.
  require((read.number(4) & 0x50002) === 0x50002, 'AK_ATTRIBUTES');
  read.sized();
  require(read.number(2) === 0x0010, 'AK_SYMMETRIC');
  const [scheme, hash] = [read.number(2), read.number(2)];
  require(hash === 0x000b, 'AK_SCHEME');
  let jwk;
  if (type === 0x0023) {
    require(scheme === 0x0018 &&
      read.number(2) === 0x0003 &&
      read.number(2) === 0x0010, 'AK_SCHEME');
    const [x, y] = [read.sized(), read.sized()].map((part) => part.toString('base64url'));
    jwk = { kty: 'EC', crv: 'P-256', x, y };
  } else {
    require(type === 0x0001 && scheme === 0x0014 && read.number(2) >= 2048, 'AK_SCHEME');
    require([0, 65537].includes(read.number(4)), 'AK_SCHEME');
    jwk = { kty: 'RSA', e: 'AQAB', n: read.sized().toString('base64url') };
  }
  read.end();
  const name = `000b${sha256(area).toString('hex')}`;
  return { name, scheme, jwk };
}

/** TPMT_SIGNATURE: Part 2, 11.3.4. */
function signedBy({ jwk, scheme }, attest, bytes) {
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const read = cursor(bytes);
  require(read.number(2) === scheme && read.number(2) === 0x000b, 'QUOTE_SCHEME');
  const ecdsa = scheme === 0x0018;
  const part = () => {
    const value = read.sized();
    require(value.length <= 32, 'QUOTE_SCHEME');
    return Buffer.concat([Buffer.alloc(32 - value.length), value]);
  };
  const signature = ecdsa ? Buffer.concat([part(), part()]) : read.sized();
  read.end();
  return verify('sha256', attest, ecdsa ? { key, dsaEncoding: 'ieee-p1363' } : key, signature);
}

/** TPMS_ATTEST of a quote: Part 2, 10.12.12. */
function quoteOf(bytes) {
  const read = cursor(bytes);
  require(read.number(4) === 0xff544347 && read.number(2) === 0x8018, 'NOT_A_QUOTE');
  read.sized();
  const extraData = read.sized();
  const [clock, resetCount, restartCount] = [read.uint(8), read.number(4), read.number(4)];
  read.take(9);
  require(read.number(4) === 1 && read.number(2) === 0x000b, 'QUOTE_SELECTION');
  const bits = read.take(read.number(1));
  const selected = [...Array(8 * bits.length).keys()].filter(
    (pcr) => bits[pcr >> 3] & (1 << (pcr & 7)),
  );
  const pcrDigest = read.sized();
  read.end();
  return { extraData, clock, resetCount, restartCount, selected, pcrDigest };
}

/**
 * Proves: a TPM key that the server judged signed a quote over a statement with this nonce, in the boot that the
 * server judged, and the server's word is in force. `now` in seconds since 1970. It throws what does not hold.
 */
export function verifyProof({ keys, result, proof, nonce }, now = Date.now() / 1_000) {
  require(/^([0-9a-f]{2}){16,64}$/u.test(nonce), 'NONCE_MALFORMED');
  const claims = claimsOf(result, keys, now);
  const { evidence } = proof;
  const ak = attestationKey(base64url(proof.akPublic));
  require(ak.name === claims['touchstone.ak-name'], 'OTHER_AK');
  const attest = base64url(evidence.quote.attest);
  require(signedBy(ak, attest, base64url(evidence.quote.signature)), 'QUOTE_SIGNATURE');
  const quote = quoteOf(attest);

  const statement = base64url(evidence.statement);
  const domain = Buffer.from('touchstone/prove/1\0\0\0', 'latin1'); // no challenge: its length is u16 0
  require(quote.extraData.equals(sha256(domain, sha256(statement))), 'OTHER_STATEMENT');
  const said = JSON.parse(statement.toString());
  require(said.purpose === 'prove' && said.challenge === '', 'WRONG_PURPOSE');
  require(said.nonce === nonce, 'OTHER_NONCE');
  require(said.hostId === claims.hostId && said.akName === ak.name, 'OTHER_HOST');

  const { sha256: pcrs } = evidence.pcrs;
  require(quote.selected.length > 0 &&
    Object.keys(pcrs).join() === quote.selected.join(), 'QUOTE_SELECTION');
  const values = quote.selected.map((pcr) => Buffer.from(pcrs[pcr], 'hex'));
  require(values.every(({ length }) => length === 32), 'QUOTE_SELECTION');
  require(sha256(...values).equals(quote.pcrDigest), 'PCR_DIGEST');

  const { resetCount, restartCount, clock } = claims['touchstone.boot'];
  require(resetCount === quote.resetCount && restartCount === quote.restartCount, 'OTHER_BOOT');
  require(BigInt(clock) < quote.clock, 'OTHER_BOOT');
  return { hostId: claims.hostId, class: claims['touchstone.class'], pcrs };
}

if (import.meta.filename === process.argv[1]) {
  const option = { type: 'string' };
  const options = { keys: option, result: option, proof: option, nonce: option };
  try {
    const { values } = parseArgs({ options });
    const read = (name) => readFileSync(values[name] ?? '', 'utf8');
    const [keys, proof] = [JSON.parse(read('keys')), JSON.parse(read('proof'))];
    const { result } = JSON.parse(read('result'));
    console.log(JSON.stringify(verifyProof({ keys, result, proof, nonce: values.nonce ?? '' })));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
