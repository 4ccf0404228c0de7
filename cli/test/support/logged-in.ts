import { type FixedServer, startFixedServer } from './fixed-server.ts';
import { newOperator, type Operator, TOKEN } from './operator.ts';
import { SESSION } from './records.ts';

/** For the tests of one `describe`: a server of fixed answers, and for each test an operator who logged in there. */
export function useLoggedIn(): { readonly server: FixedServer; readonly operator: Operator } {
  let started: FixedServer | undefined;
  let person: Operator | undefined;
  const stage = {
    get server() {
      if (started === undefined) throw new Error('the server is not started yet');
      return started;
    },
    get operator() {
      if (person === undefined) throw new Error('nobody is logged in yet');
      return person;
    },
  };
  before(async () => {
    started = await startFixedServer();
  });
  after(() => started?.close());
  beforeEach(async () => {
    const { server } = stage;
    person = newOperator();
    server.reset();
    server.answer('GET /v1/session', SESSION);
    await person.run(
      ['login', '--server', server.url, '--fingerprint', server.pin, '--token-file', '-'],
      { input: TOKEN },
    );
  });
  afterEach(() => person?.leave());
  return stage;
}
