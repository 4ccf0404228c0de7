import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { resubmitting } from '../resubmission.ts';
import { isBusy, responseCodeName } from '../response-codes.ts';
import { errorOfResponse } from '../tpm-error.ts';

const NAMES = [
  { rc: 0x98e, name: 'TPM_RC_AUTH_FAIL', code: 'TPM_RC' },
  { rc: 0x9a2, name: 'TPM_RC_BAD_AUTH', code: 'TPM_RC' },
  { rc: 0x18b, name: 'TPM_RC_HANDLE', code: 'TPM_RC' },
  { rc: 0x1df, name: 'TPM_RC_INTEGRITY', code: 'TPM_RC' },
  { rc: 0x99d, name: 'TPM_RC_POLICY_FAIL', code: 'TPM_RC' },
  { rc: 0x921, name: 'TPM_RC_LOCKOUT', code: 'TPM_LOCKED_OUT' },
  { rc: 0x922, name: 'TPM_RC_RETRY', code: 'TPM_BUSY' },
  { rc: 0x90a, name: 'TPM_RC_TESTING', code: 'TPM_BUSY' },
  { rc: 0x902, name: 'TPM_RC_OBJECT_MEMORY', code: 'TPM_FULL' },
  { rc: 0x903, name: 'TPM_RC_SESSION_MEMORY', code: 'TPM_FULL' },
  { rc: 0xc0902, name: 'TPM_RC_OBJECT_MEMORY', code: 'TPM_FULL' },
  { rc: 0x101, name: 'TPM_RC_FAILURE', code: 'TPM_FAILED' },
  { rc: 0x910, name: 'TPM_RC_REFERENCE_H0', code: 'TPM_RC' },
  { rc: 0x91e, name: 'TPM_RC_REFERENCE_S6', code: 'TPM_RC' },
  { rc: 0x100, name: 'TPM_RC_INITIALIZE', code: 'TPM_RC' },
  { rc: 0x12f, name: 'TPM_RC_AUTH_UNAVAILABLE', code: 'TPM_RC' },
  { rc: 0x01e, name: 'TPM_RC_BAD_TAG', code: 'TPM_RC' },
  // The kernel's resource manager marks its own answers with a layer.
  { rc: 0xb0143, name: 'TPM_RC_COMMAND_CODE', code: 'TPM_RC' },
  { rc: 0x0bf, name: 'TPM_RC_UNKNOWN_0xbf', code: 'TPM_RC' },
  { rc: 0x7f, name: 'TPM_RC_UNKNOWN_0x7f', code: 'TPM_RC' },
  { rc: 0xa000a, name: 'TSS2_TCTI_RC_IO_ERROR', code: 'TPM_UNAVAILABLE' },
  { rc: 0xa0008, name: 'TSS2_TCTI_RC_NO_CONNECTION', code: 'TPM_UNAVAILABLE' },
  { rc: 0x7001b, name: 'TSS2_ESYS_RC_RSP_AUTH_FAILED', code: 'TPM_RESPONSE_INVALID' },
  { rc: 0xa0011, name: 'TSS2_TCTI_RC_MALFORMED_RESPONSE', code: 'TPM_RESPONSE_INVALID' },
  { rc: 0x7000b, name: 'TSS2_ESYS_RC_BAD_VALUE', code: 'TPM_MISUSE' },
  { rc: 0x90006, name: 'TSS2_MU_RC_INSUFFICIENT_BUFFER', code: 'TPM_MISUSE' },
];

describe('TPM_RC', () => {
  for (const { rc, name, code } of NAMES) {
    it(`0x${rc.toString(16)} is ${name}: ${code}`, () => {
      assert.equal(responseCodeName(rc), name);
      const error = errorOfResponse(rc, 'TPM2_Quote', () => 'decoded');
      assert.deepEqual(
        { code: error.code, rc: error.rc, rcName: error.rcName, command: error.command },
        { code, rc, rcName: name, command: 'TPM2_Quote' },
      );
    });
  }

  it('RETRY, YIELDED and TESTING may be sent again, and nothing else', () => {
    for (const rc of [0x922, 0x908, 0x90a, 0xb0922]) assert.ok(isBusy(rc));
    for (const rc of [0, 0x921, 0x98e, 0x70922, 0xa0009]) assert.ok(!isBusy(rc));
  });

  it('RETRY is sent again until it goes through', async () => {
    const answers = [0x922, 0x908, 0x90a, 0];
    const rc = await resubmitting(performance.now() + 5000, async () => answers.shift() ?? 1);
    assert.equal(rc, 0);
    assert.equal(answers.length, 0);
  });

  it('RETRY is given back when time is up, after pauses that grow', async () => {
    let sent = 0;
    const rc = await resubmitting(performance.now() + 200, async () => {
      sent++;
      return 0x922;
    });
    assert.equal(rc, 0x922);
    assert.ok(sent >= 1 && sent < 10, `${sent} times`);
  });

  it('an error is not sent again', async () => {
    let sent = 0;
    const rc = await resubmitting(performance.now() + 5000, async () => {
      sent++;
      return 0x98e;
    });
    assert.deepEqual([rc, sent], [0x98e, 1]);
  });
});
