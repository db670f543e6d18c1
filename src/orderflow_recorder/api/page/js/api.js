// The REST side: answers, and errors as sentences.

const BASE = new URL("api/v1/", document.baseURI);
const PATIENCE_MS = 20_000;

/** What went wrong with a request, for people. */
export class Refusal extends Error {
  /**
   * @param {string} text what a person may read
   * @param {number} status HTTP status; 0 if there was no answer
   */
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

const listeners = new Set();

/** Tell `told` after each request whether the server answered (true), did not (false), or wants a key ("key"). */
export function onAnswer(told) {
  listeners.add(told);
}

const tell = (answered) => listeners.forEach((told) => told(answered));

/** Return the address of a path with its parameters; those without a value are left out. */
export function address(path, parameters = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

async function explain(response) {
  const problem = await response.json().catch(() => ({}));
  const text = problem.detail || problem.title || `the server answered ${response.status}`;
  if (response.status !== 429) return new Refusal(String(text), response.status);
  const seconds = response.headers.get("Retry-After");
  return new Refusal(`Too many requests: again in ${seconds ?? "some"} s.`, 429);
}

/**
 * Ask for something.
 * @param {string} path behind /api/v1/
 * @param {object} parameters of the query
 * @param {AbortSignal | null} signal ends it early
 * @returns {Promise<any>} the JSON
 * @throws {Refusal} no answer, or not the one wanted
 */
export async function get(path, parameters = {}, signal = null) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response;
  try {
    response = await fetch(address(path, parameters), {
      headers: { Accept: "application/json" },
      credentials: "same-origin",
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    tell(false);
    throw new Refusal(patience.aborted ? "The server takes too long to answer." : "The server cannot be reached.", 0);
  }
  tell(response.status === 401 ? "key" : true);
  if (!response.ok) throw await explain(response);
  return response.json();
}

/** Say whether an error is only that nobody wants the answer any more. */
export const wasAborted = (error) => error.name === "AbortError";
