// Sends one cancel through Prism to the API, and lists each way in which what was sent or answered departs from the
// contract. Exits with 0 where there is none, with 1 and the list, or with 2 where there was nothing to verify.
//   OPENAI_API_KEY=sk-… npm run contract:verify -- upload_…
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { createClient } from "../../src/index.js";
import { contract as contents } from "../../test/support/contract.js";
import { contract, startPrism } from "./prism.js";

/** What Prism answers in the API's stead: the request was not sent, or the answer departs, or there was none. */
interface Problem {
  readonly type: string;
  readonly title: string;
  readonly validation?: readonly Violation[];
}

interface Violation {
  readonly message: string;
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "type" in body && "title" in body;
}

/** The API's own status, which only Prism's log has; undefined where nothing was sent, or no answer came. */
async function statusIn(log: Readable): Promise<number | undefined> {
  for await (const line of createInterface(log)) {
    const end = /has returned (\d{3})|Request terminated/.exec(line);
    if (end) return end[1] ? Number(end[1]) : undefined;
  }
  return undefined;
}

/** To Prism, `default` documents every status. Here it doesn't, so that the contract comes to name those that occur. */
function isDocumented(status: number): boolean {
  const { responses } = contents.paths["/uploads/{upload_id}/cancel"].post;
  return String(status) in responses || `${Math.floor(status / 100)}XX` in responses;
}

async function verify(uploadId: string, api: string): Promise<{ status: number | undefined; departures: string[] }> {
  await using prism = await startPrism("proxy", contract, api, "--errors");
  const answered = statusIn(prism.log);
  const { error, response } = await createClient({ baseUrl: prism.url, maxRetries: 0 }).POST(
    "/uploads/{upload_id}/cancel",
    { params: { path: { upload_id: uploadId } }, parseAs: "text" },
  );
  const status = await answered;
  const problem = isProblem(error) ? error : undefined;
  const violations: readonly Violation[] =
    problem?.validation ?? JSON.parse(response.headers.get("sl-violations") ?? "[]");

  const departures = violations.map(({ message }) => message);
  if (status !== undefined && !isDocumented(status))
    departures.unshift(`The contract doesn't name the status ${status}`);
  if (problem && violations.length === 0) {
    // Either the API's, such as a connection refused, or Prism's own, which a request that departs gets.
    if (status === undefined && !problem.type.includes("/prism/errors#")) throw new Error(problem.title);
    departures.push(problem.title);
  }
  return { status, departures };
}

const [uploadId] = process.argv.slice(2);
const key = process.env["OPENAI_API_KEY"]?.trim();
const api = process.env["OPENAI_BASE_URL"]?.trim() || contents.servers[0]?.url;

function say(text: string): void {
  console.log(key ? text.replaceAll(key, "[OPENAI_API_KEY]") : text);
}

if (!uploadId) {
  say("Name the Upload to cancel: npm run contract:verify -- upload_…");
  process.exitCode = 2;
} else if (!key) {
  say("Set OPENAI_API_KEY to the key to cancel it with.");
  process.exitCode = 2;
} else if (!api) {
  say(`Set OPENAI_BASE_URL, since ${contract} names no server.`);
  process.exitCode = 2;
} else {
  try {
    const { status, departures } = await verify(uploadId, api);
    const answer = status === undefined ? "Nothing was sent" : `${api} answered ${status}`;
    say(departures.length === 0 ? `${answer}, as the contract says.` : `${answer}. What departs from the contract:`);
    for (const departure of departures) say(`- ${departure}`);
    process.exitCode = departures.length === 0 ? 0 : 1;
  } catch (error) {
    say(`There is nothing to verify: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 2;
  }
}
