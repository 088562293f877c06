// Requests to the service that serves this page. The token is in a variable of this module and nowhere else.

const base = new URL(".", location.href.split("#")[0]);
let token = null;
let refused = () => {};

/** A request without success: a sentence with what to do, and whether trying again may help. */
export class Failure extends Error {
  constructor(message, { status = 0, mayHelp = false } = {}) {
    super(message);
    this.status = status;
    this.mayHelp = mayHelp;
  }
}

/** Uses a token from now on; null forgets it. `onRefused` is called with a sentence when it is no longer accepted. */
export function use(given, onRefused = () => {}) {
  token = given;
  refused = onRefused;
}

/** A path of encoded parts: `path("assets", "a b")` is `assets/a%20b`. */
export function path(...parts) {
  return parts.map(encodeURIComponent).join("/");
}

export const get = async (where, query = {}) => (await ask("GET", where, query)).json();
export const getText = async (where, query, accept) => (await ask("GET", where, query, { accept })).text();
export const post = async (where, body) => (await ask("POST", where, {}, { body })).json();
export const putBody = async (where, body) => (await ask("PUT", where, {}, { body })).json();

async function ask(method, where, query, { accept = "application/json", body } = {}) {
  const address = new URL(where, base);
  for (const [name, value] of Object.entries(query)) if (value !== null && value !== undefined) address.searchParams.set(name, value);
  const headers = { accept, authorization: `Bearer ${token}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Failure("The service cannot be reached. Check your connection, then try again.", { mayHelp: true });
  }
  if (answer.ok) return answer;
  throw await failure(answer);
}

async function failure(answer) {
  const status = answer.status;
  if (status === 401) {
    const sentence = "This token is not valid. Check that it is whole, or ask your operator for a new one.";
    refused(sentence);
    return new Failure(sentence, { status });
  }
  if (status === 403) {
    return new Failure("This token is valid, but not for this. Ask your operator for a token of support.", { status });
  }
  const problem = await answer.json().catch(() => ({}));
  const detail = problem.detail ?? "The service gave no reason.";
  if (status === 404) return new Failure(`${detail} Check the id, or search for it above.`, { status });
  if (status >= 500 || status === 429) {
    const named = problem.request_id ? ` If it stays so, report the request ${problem.request_id}.` : "";
    return new Failure(`The service could not answer (${status}). Try again in a minute.${named}`, { status, mayHelp: true });
  }
  return new Failure(detail, { status });
}
