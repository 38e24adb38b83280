// Compares the contract with an earlier version of it, and fails if info.version wasn't raised as much as the changes need:
// a major version for a breaking change, a minor version for something new, and a patch for anything else.
//   npm run contract:diff [-- git-revision, file or URL]
// The default is the last release (a tag v…). Before the first release, it is the commit that began the current major
// version, so that no later commit can hide a breaking change.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { changesBetween, type Impact } from "./changes.js";
import { bundle, type Contract } from "./contract.js";
import { contract } from "./prism.js";
import { type Outcome, runScript } from "./redocly.js";

const IMPACTS = ["major", "minor", "patch"] as const satisfies Impact[];

/** The lowest version that these changes allow; undefined if the one before isn't like 1.2.3. */
function versionAfter(version: string, impact?: Impact): string | undefined {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)$/.exec(version) ?? [];
  if (impact === "major") return major && `${Number(major) + 1}.0.0`;
  if (impact === "minor") return major && `${major}.${Number(minor) + 1}.0`;
  return major && `${major}.${minor}.${Number(patch) + (impact ? 1 : 0)}`;
}

/** @param folder The repository. */
export async function diff(requested?: string, folder = "."): Promise<Outcome> {
  const isFile = requested && (/^https?:/.test(requested) || statSync(requested, { throwIfNoEntry: false })?.isFile());
  if (isFile) return rate(requested, await bundle(requested), await bundle(join(folder, contract)));
  const base = requested ?? lastRelease(folder) ?? startOfMajorVersion(folder);
  const baseFolder = mkdtempSync(join(tmpdir(), "contract-diff-"));
  try {
    if (extract(base, folder, baseFolder)) {
      return await rate(base, await bundle(join(baseFolder, contract)), await bundle(join(folder, contract)));
    }
    if (requested) {
      const output = `${requested} is neither a file nor a git revision with ${contract}. "git log" lists the revisions.`;
      return { exitCode: 2, output };
    }
    const output = `This clone's git history has no earlier ${contract}, so there is nothing to compare with.`;
    return { exitCode: 0, output };
  } finally {
    rmSync(baseFolder, { recursive: true });
  }
}

/** The output of git; undefined if it fails, as it does without a repository. */
function git(folder: string, ...args: string[]): Buffer | undefined {
  const { status, stdout } = spawnSync("git", args, { cwd: folder, maxBuffer: Number.POSITIVE_INFINITY });
  return status === 0 ? stdout : undefined;
}

function lastRelease(folder: string): string | undefined {
  return git(folder, "describe", "--tags", "--abbrev=0", "--match", "v*")?.toString().trim();
}

/** The first commit with the current major version, or HEAD while that version isn't committed. */
function startOfMajorVersion(folder: string): string {
  const [, major] = /^ {2}version: ["']?(\d+)\./m.exec(readFileSync(join(folder, contract), "utf8")) ?? [];
  const version = `^  version: ["']?${major}\\.`;
  const log = git(folder, "log", "--reverse", "--format=%h", "--pickaxe-regex", "-S", version, "--", contract);
  return log?.toString().split("\n")[0] || "HEAD";
}

/** Writes the contract of a revision, with all its files; false if that revision has none. */
function extract(revision: string, folder: string, to: string): boolean {
  const archive = git(folder, "archive", "--format=tar", revision, contract, dirname(contract));
  return archive !== undefined && spawnSync("tar", ["-x", "-C", to], { input: archive }).status === 0;
}

/** @param base What the output calls the earlier version. */
export async function rate(base: string, before: Contract, after: Contract): Promise<Outcome> {
  const changes = await changesBetween(before, after);
  const byImpact = IMPACTS.map((impact) => [impact, changes.filter((change) => change.impact === impact)] as const);
  const [worst] = byImpact.find(([, some]) => some.length > 0) ?? [];
  const [version, versionBefore] = [after.info?.version ?? "", before.info?.version ?? ""];
  const needed = versionAfter(versionBefore, worst);
  const isRaised = needed && versionAfter(version) && version.localeCompare(needed, "en", { numeric: true }) >= 0;
  const lines = byImpact.flatMap(([impact, some]) => some.map(({ what }) => `${impact}: ${what}`));
  const counts = byImpact.map(([impact, some]) => `${some.length} ${impact}`).join(", ");
  const must = isRaised ? "" : `; it must be ${needed ?? "like 1.2.3"} or higher`;
  lines.push(`${counts}. info.version was ${versionBefore} at ${base} and is ${version}${must}.`);
  return { exitCode: isRaised ? 0 : 1, output: lines.join("\n") };
}

await runScript(import.meta.filename, ([base]) => diff(base));
