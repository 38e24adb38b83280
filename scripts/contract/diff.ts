// Compares the contract with a former one, and fails if its version doesn't tell of the changes: what breaks a caller
// needs a major version, what is new to one a minor version, and the rest a patch.
//   npm run contract:diff [-- git-revision]
// Without a revision that is the last release (a tag v…). Before the first one it is the last committed contract that
// differs from this one: HEAD's while it is edited, the one before once it is committed, so that CI compares too.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { contract } from "./prism.js";
import { redocly } from "./redocly.js";

type Impact = "major" | "minor" | "patch";

/** What `redocly diff --format json` prints, as far as it is read here. */
interface Report {
  readonly infoVersions: { readonly base: string; readonly revision: string };
  readonly changes: readonly Change[];
}

interface Change {
  readonly kind: "added" | "removed" | "modified";
  readonly typeName: string;
  readonly path: string;
  readonly property?: string;
  readonly impact: Impact;
  readonly verdicts: readonly { readonly message: string }[];
  readonly base?: Place;
  readonly revision?: Place;
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly col: number;
}

/** What the generated types are named by: a path, or a component of a kind that has types. */
const NAME = /^#\/(paths|components\/(schemas|responses|parameters|requestBodies|headers|pathItems))\/[^/]+$/;
const PROSE = /^(description|summary|title|examples?|x-.*)$/;
const PROSE_TYPES = /^(Info|License|Contact|ExternalDocs|Tag|Example|XCodeSample)$/;

/** Redocly's impact, but for what it takes for a patch. */
function impactOf({ kind, typeName, path, property = "", impact }: Change): Impact {
  if (impact !== "patch") return impact;
  // Renamed or removed, a name stops TypeScript that uses it from compiling.
  if (NAME.test(path) && kind === "removed") return "major";
  if (NAME.test(path) && property === "key") return "major";
  return PROSE_TYPES.test(typeName) || PROSE.test(property) ? "patch" : "minor";
}

type Version = readonly [major: number, minor: number, patch: number];

function parseVersion(version: string): Version | undefined {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)$/.exec(version) ?? [];
  return major && minor && patch ? [Number(major), Number(minor), Number(patch)] : undefined;
}

function raise([major, minor, patch]: Version, impact: Impact | undefined): Version {
  if (impact === "major") return [major + 1, 0, 0];
  if (impact === "minor") return [major, minor + 1, 0];
  return impact === "patch" ? [major, minor, patch + 1] : [major, minor, patch];
}

function isLower(version: Version, than: Version): boolean {
  const differing = version.findIndex((part, index) => part !== than[index]);
  return differing !== -1 && (version[differing] ?? 0) < (than[differing] ?? 0);
}

export interface Comparison {
  readonly exitCode: number;
  readonly output: string;
}

/** @param folder The repository. */
export async function diff(asked?: string, folder = "."): Promise<Comparison> {
  const revision = asked ?? lastRelease(folder) ?? lastOther(folder);
  const former = mkdtempSync(join(tmpdir(), "contract-diff-"));
  try {
    if (revision && extract(revision, folder, former)) return await compare(revision, folder, former);
    if (asked)
      return {
        exitCode: 2,
        output: `There is no ${contract} at the git revision ${asked}. "git log" shows those that exist.`,
      };
    return {
      exitCode: 0,
      output: `There is no former ${contract} in this clone's git history, so nothing to compare with.`,
    };
  } finally {
    rmSync(former, { recursive: true });
  }
}

/** What git says; undefined if there is no git, no repository, or no such thing. */
function git(folder: string, ...args: string[]): Buffer | undefined {
  const { status, stdout } = spawnSync("git", args, { cwd: folder, maxBuffer: Number.POSITIVE_INFINITY });
  return status === 0 ? stdout : undefined;
}

function lastRelease(folder: string): string | undefined {
  return git(folder, "describe", "--tags", "--abbrev=0", "--match", "v*")?.toString().trim();
}

function lastOther(folder: string): string | undefined {
  const commits = git(folder, "log", "-2", "--format=%h", "--", dirname(contract))?.toString().trim().split("\n") ?? [];
  return commits.find((commit) => git(folder, "diff", "--quiet", commit, "--", dirname(contract)) === undefined);
}

/** Writes the contract of a revision, with each file that it may be in; false if there is none. */
function extract(revision: string, folder: string, to: string): boolean {
  const archive = git(folder, "archive", "--format=tar", revision, contract, dirname(contract));
  return archive !== undefined && spawnSync("tar", ["-x", "-C", to], { input: archive }).status === 0;
}

async function compare(revision: string, folder: string, former: string): Promise<Comparison> {
  const files = [join(former, contract), join(folder, contract)];
  const { stdout, output } = await redocly("diff", ...files, "--format", "json", "--fail-on", "none");
  const name = (text: string) => text.replaceAll(join(relative(".", former), "/"), `${revision}:`);
  if (!stdout.startsWith("{")) return { exitCode: 1, output: name(output) };

  const { infoVersions, changes }: Report = JSON.parse(stdout);
  const versionIsAll = ({ typeName, property }: Change) => typeName === "Info" && property === "version";
  const rated = changes
    .filter((change) => !versionIsAll(change))
    .map((change) => ({ ...change, impact: impactOf(change) }));
  const ofImpact = (impact: Impact) => rated.filter((change) => change.impact === impact);
  const worst = (["major", "minor", "patch"] as const).find((impact) => ofImpact(impact).length > 0);
  const [before, after] = [parseVersion(infoVersions.base), parseVersion(infoVersions.revision)];
  const needed = before && raise(before, worst);
  const isTold = needed && after && !isLower(after, needed);

  const lines = [...ofImpact("major"), ...ofImpact("minor"), ...ofImpact("patch")].map(describe);
  const counts = (["major", "minor", "patch"] as const)
    .map((impact) => `${ofImpact(impact).length} ${impact}`)
    .join(", ");
  const versions = `info.version was ${infoVersions.base} at ${revision} and is ${infoVersions.revision}`;
  lines.push(`${counts}. ${versions}${isTold ? "." : `; it must be ${needed?.join(".") ?? "like 1.2.3"} or higher.`}`);
  return { exitCode: isTold ? 0 : 1, output: name(lines.join("\n")) };
}

function describe({ impact, kind, path, property, verdicts, base, revision }: Change): string {
  const what = [
    `${impact}: ${kind} ${path}${property ? ` · ${property}` : ""}`,
    ...verdicts.map(({ message }) => message),
  ];
  const place = revision ?? base;
  if (place) what.push(`at ${place.file}:${place.line}:${place.col}`);
  return `${what.join("\n  ")}\n`;
}

if (import.meta.filename === process.argv[1]) {
  const { exitCode, output } = await diff(process.argv[2]);
  console.log(output);
  process.exitCode = exitCode;
}
