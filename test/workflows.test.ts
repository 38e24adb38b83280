import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: unknown;
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
}

const folder = ".github/workflows/";
const texts = readdirSync(folder).map((file) => readFileSync(folder + file, "utf8"));
const workflows: { permissions: Record<string, string>; jobs: Record<string, Job> }[] = texts.map((text) =>
  parse(text),
);
const jobs = workflows.flatMap(({ permissions, jobs }) =>
  Object.values(jobs).map((job) => ({ ...job, permissions: job.permissions ?? permissions })),
);

test("every action is pinned to a commit", () => {
  const actions = jobs.flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
  expect(actions).not.toHaveLength(0);
  for (const action of actions) expect(action).toMatch(/@[0-9a-f]{40}$/);
});

test("a job that may publish runs nothing from the repository or from npm, and has an environment", () => {
  const publishing = jobs.filter(({ permissions }) => permissions["id-token"] === "write");
  expect(publishing).toHaveLength(2);
  for (const { steps, environment } of publishing) {
    expect(environment).toBeDefined();
    expect(steps.filter(({ uses }) => uses?.startsWith("actions/checkout"))).toEqual([]);
    const commands = steps.flatMap(({ run }) => run ?? []);
    expect(commands.filter((command) => !/^npm publish \S+\.tgz --ignore-scripts /.test(command))).toEqual([]);
  }
});
