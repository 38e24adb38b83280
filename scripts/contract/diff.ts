// Compares the contract with a former one, and fails where its version doesn't tell of the changes: what breaks a caller
// needs a major version, what is new a minor one.
//   npm run contract:diff [-- git-revision]
// Without a revision that is the last release (a tag v…). Before the first one it is the last committed contract that
// differs from this one: HEAD's while it is edited, the one before once it is committed, so that CI compares too.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { contract } from "./prism.js";
import { redocly } from "./redocly.js";

/** What git says; undefined where there is no git, no repository, or no such thing. */
function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { encoding: "utf8" });
  return status === 0 ? stdout : undefined;
}

function contractAt(revision: string): string | undefined {
  return git("show", `${revision}:./${contract}`);
}

function lastRelease(): string | undefined {
  return git("describe", "--tags", "--abbrev=0", "--match", "v*")?.trim();
}

function lastOther(): string | undefined {
  const commits = git("log", "-2", "--format=%h", "--", contract)?.trim().split("\n") ?? [];
  const current = readFileSync(contract, "utf8");
  return commits.find((commit) => contractAt(commit) !== current);
}

async function compare(revision: string, former: string): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "contract-diff-"));
  const file = join(folder, "openapi.yaml");
  try {
    writeFileSync(file, former);
    const { ok, output } = await redocly(
      ...["diff", file, contract, "--config", "redocly.diff.yaml"],
      // Of its two ways to fail, the one that lets a new major version break things.
      ...["--check-version", "--fail-on", "none"],
    );
    console.log(output.replaceAll(file, revision).replaceAll(relative(".", file), `${revision}:${contract}`));
    return ok;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [asked] = process.argv.slice(2);
const revision = asked ?? lastRelease() ?? lastOther();
const former = revision && contractAt(revision);
if (revision && former) {
  process.exitCode = (await compare(revision, former)) ? 0 : 1;
} else if (asked) {
  console.error(`There is no ${contract} at the git revision ${asked}: name one that "git log" shows.`);
  process.exitCode = 2;
} else {
  console.log(`There is no former ${contract} in this clone's git history, so nothing to compare with.`);
}
