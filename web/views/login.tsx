import { useState } from 'preact/hooks';
import { api, messageOf } from '../api.ts';
import { serverTokenOf } from '../token.ts';

/** The token is sent once, and kept nowhere: not in the address, and in no storage of the browser's. */
export function Login({ onLogIn }: { readonly onLogIn: () => void }) {
  const [failure, setFailure] = useState('');
  const [busy, setBusy] = useState(false);
  const logIn = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const field = form.elements.namedItem('token') as HTMLInputElement;
    const token = serverTokenOf(field.value);
    if (token === null) {
      setFailure(
        'This is a token of the CA. The page takes one of the server, which begins with tst_.',
      );
      field.focus();
      return;
    }
    setBusy(true);
    setFailure('');
    try {
      await api.logIn(token);
      form.reset();
      onLogIn();
    } catch (error) {
      setFailure(messageOf(error));
      field.focus();
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="login">
      <h1>Log in</h1>
      <p>
        The page only looks, whatever the token may do. It is exchanged for a cookie that lasts a
        working day, and is not kept.
      </p>
      <form method="post" onSubmit={(event) => void logIn(event)} autocomplete="off">
        <label for="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          required
          autocomplete="off"
          spellcheck={false}
          aria-describedby="token-from token-failure"
          aria-invalid={failure !== ''}
        />
        <p id="token-from" class="faint">
          <code>touchstone up</code> printed the first one, once; of its text, the CA’s part is not
          sent. Better for looking: <code>touchstone token create --name page --role viewer</code>
        </p>
        <p id="token-failure" class="failure" role="alert">
          {failure}
        </p>
        <button type="submit" disabled={busy}>
          Log in
        </button>
      </form>
    </section>
  );
}
