// Compares the contract with an earlier version of it, and fails if info.version was not raised as the changes need: a
// major version for what breaks a caller, a minor version for what is new, and a patch for the rest.
//   npm run contract:diff [-- git-revision]
// The default is the last release (a tag v…). Before the first release, it is the last commit whose contract differs from
// this one: HEAD while the contract is being edited, an earlier one once it is committed, so that CI compares too.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { contract } from "./prism.js";
import { redocly } from "./redocly.js";

const IMPACTS = ["major", "minor", "patch"] as const;
type Impact = (typeof IMPACTS)[number];

/** The parts of `redocly diff --format json` that are read here. */
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

/** What becomes the name of a generated type: a path, or a component. */
const TYPE_NAME = /^#\/(paths|components\/(schemas|responses|parameters|requestBodies|headers|pathItems))\/[^/]+$/;
const PROSE = /^(description|summary|title|examples?|x-.*)$/;
const PROSE_TYPES = /^(Info|License|Contact|ExternalDocs|Tag|Example|XCodeSample)$/;

/** Redocly's impact; but some of what Redocly calls a patch matters to callers of a TypeScript client. */
function impactOf({ kind, typeName, path, property = "", impact }: Change): Impact {
  if (impact !== "patch") return impact;
  // Code that uses a name that was removed or renamed no longer compiles.
  if (TYPE_NAME.test(path) && kind === "removed") return "major";
  if (TYPE_NAME.test(path) && property === "key") return "major";
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
export async function diff(requested?: string, folder = "."): Promise<Comparison> {
  const base = requested ?? lastRelease(folder) ?? lastDifferent(folder);
  const baseFolder = mkdtempSync(join(tmpdir(), "contract-diff-"));
  try {
    if (base && extract(base, folder, baseFolder)) return await compare(base, folder, baseFolder);
    if (requested) {
      const output = `There is no ${contract} at the git revision ${requested}. "git log" lists the revisions.`;
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

function lastDifferent(folder: string): string | undefined {
  const commits = git(folder, "log", "-2", "--format=%h", "--", dirname(contract))?.toString().trim().split("\n") ?? [];
  return commits.find((commit) => git(folder, "diff", "--quiet", commit, "--", dirname(contract)) === undefined);
}

/** Writes the contract of a revision, with all its files; false if that revision has none. */
function extract(revision: string, folder: string, to: string): boolean {
  const archive = git(folder, "archive", "--format=tar", revision, contract, dirname(contract));
  return archive !== undefined && spawnSync("tar", ["-x", "-C", to], { input: archive }).status === 0;
}

async function compare(base: string, folder: string, baseFolder: string): Promise<Comparison> {
  const files = [join(baseFolder, contract), join(folder, contract)];
  const { stdout, output } = await redocly("diff", ...files, "--format", "json", "--fail-on", "none");
  const withRevision = (text: string) => text.replaceAll(join(relative(".", baseFolder), "/"), `${base}:`);
  if (!stdout.startsWith("{")) return { exitCode: 1, output: withRevision(output) };

  const { infoVersions, changes }: Report = JSON.parse(stdout);
  const isOfVersion = ({ typeName, property }: Change) => typeName === "Info" && property === "version";
  const rated = changes
    .filter((change) => !isOfVersion(change))
    .map((change) => ({ ...change, impact: impactOf(change) }));
  const byImpact = IMPACTS.map((impact) => [impact, rated.filter((change) => change.impact === impact)] as const);
  const [worst] = byImpact.find(([, some]) => some.length > 0) ?? [];
  const [before, after] = [parseVersion(infoVersions.base), parseVersion(infoVersions.revision)];
  const needed = before && raise(before, worst);
  const isRaised = needed && after && !isLower(after, needed);

  const lines = byImpact.flatMap(([, some]) => some.map(describe));
  const counts = byImpact.map(([impact, some]) => `${some.length} ${impact}`).join(", ");
  const versions = `info.version was ${infoVersions.base} at ${base} and is ${infoVersions.revision}`;
  lines.push(
    `${counts}. ${versions}${isRaised ? "." : `; it must be ${needed?.join(".") ?? "like 1.2.3"} or higher.`}`,
  );
  return { exitCode: isRaised ? 0 : 1, output: withRevision(lines.join("\n")) };
}

function describe({ impact, kind, path, property, verdicts, base, revision }: Change): string {
  const lines = [
    `${impact}: ${kind} ${path}${property ? ` · ${property}` : ""}`,
    ...verdicts.map(({ message }) => message),
  ];
  const place = revision ?? base;
  if (place) lines.push(`at ${place.file}:${place.line}:${place.col}`);
  return `${lines.join("\n  ")}\n`;
}

if (import.meta.filename === process.argv[1]) {
  const { exitCode, output } = await diff(process.argv[2]);
  console.log(output);
  process.exitCode = exitCode;
}
