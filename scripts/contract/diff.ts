// Compares the contract with an earlier version of it, and fails if info.version wasn't raised as much as the changes need:
// a major version for a breaking change, a minor version for something new, and a patch for anything else.
//   npm run contract:diff [-- git-revision]
// The default is the last release (a tag v…). Before the first release, it is the commit that began the current major
// version, so that no later commit can hide a breaking change.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { readContract } from "./contract.js";
import { contract } from "./prism.js";
import { redocly } from "./redocly.js";

const CONFIG = fileURLToPath(new URL("diff.yaml", import.meta.url));
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
  readonly base?: Side;
  readonly revision?: Side;
}

interface Side {
  readonly file: string;
  readonly line: number;
  readonly col: number;
  readonly value?: unknown;
}

/** What code refers to by its name: a path, a component, a property of a schema, or an alternative. */
const NAMED =
  /^#\/(paths|components\/(schemas|responses|parameters|requestBodies|headers|pathItems))\/[^/]+$|\/properties(\/[^/]+)?$|\/(any|one)Of\/\d+$/;
const PROSE = /^(description|summary|title|examples?|tags|externalDocs|x-.*)$/;
const PROSE_TYPES = /^(Root|Info|License|Contact|ExternalDocs|Tag|TagList|Example|ExamplesMap|XCodeSample(List)?)$/;

/** Redocly's impact, corrected for callers of a TypeScript client: what no longer compiles is a breaking change. */
function impactOf({ kind, typeName, path, property = "", impact, base, revision }: Change): Impact {
  if (impact === "major") return "major";
  if (PROSE_TYPES.test(typeName) || PROSE.test(property)) return "patch";
  if (kind !== "modified") return kind === "removed" && NAMED.test(path) ? "major" : "minor";
  if (property === "key") return NAMED.test(path) ? "major" : "minor";

  const [before, after] = [valuesOf(base), valuesOf(revision)];
  if (isDeepStrictEqual(before, after)) return "patch"; // only their order differs
  const losesValues = revision?.value !== undefined && [...before].some((value) => !after.has(value));
  if (/^(enum|const)$/.test(property) && losesValues) return "major"; // comparing with a lost value is an error
  return typeName === "Header" && property === "required" && revision?.value !== true ? "major" : "minor";
}

function valuesOf(side: Side | undefined): Set<unknown> {
  return new Set([side?.value].flat());
}

/** The lowest version that these changes allow; undefined if the one before isn't like 1.2.3. */
function versionAfter(version: string, impact?: Impact): string | undefined {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)$/.exec(version) ?? [];
  if (impact === "major") return major && `${Number(major) + 1}.0.0`;
  if (impact === "minor") return major && `${major}.${Number(minor) + 1}.0`;
  return major && `${major}.${minor}.${Number(patch) + (impact ? 1 : 0)}`;
}

export interface Comparison {
  readonly exitCode: number;
  readonly output: string;
}

/** @param folder The repository. */
export async function diff(requested?: string, folder = "."): Promise<Comparison> {
  const base = requested ?? lastRelease(folder) ?? startOfMajorVersion(folder);
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

async function compare(base: string, folder: string, baseFolder: string): Promise<Comparison> {
  const files = [join(baseFolder, contract), join(folder, contract)] as const;
  const { stdout, output } = await redocly(
    "diff",
    ...files,
    "--config",
    CONFIG,
    "--format",
    "json",
    "--fail-on",
    "none",
  );
  const withRevision = (text: string) => text.replaceAll(join(relative(".", baseFolder), "/"), `${base}:`);
  if (!stdout.startsWith("{")) return { exitCode: 1, output: withRevision(output) };

  const { infoVersions, changes }: Report = JSON.parse(stdout);
  const { base: before, revision: after } = infoVersions;
  const rated = changes
    .filter(({ typeName, property }) => typeName !== "Info" || property !== "version")
    .map((change) => ({ ...change, impact: impactOf(change) }));
  if (rated.length === 0 && (await haveOtherExamples(...files))) rated.push(OTHER_EXAMPLES);
  const byImpact = IMPACTS.map((impact) => [impact, rated.filter((change) => change.impact === impact)] as const);
  const [worst] = byImpact.find(([, some]) => some.length > 0) ?? [];

  const needed = versionAfter(before, worst);
  const isRaised = needed && versionAfter(after) && after.localeCompare(needed, "en", { numeric: true }) >= 0;
  const lines = byImpact.flatMap(([, some]) => some.map(describe));
  const counts = byImpact.map(([impact, some]) => `${some.length} ${impact}`).join(", ");
  const must = isRaised ? "" : `; it must be ${needed ?? "like 1.2.3"} or higher`;
  lines.push(`${counts}. info.version was ${before} at ${base} and is ${after}${must}.`);
  return { exitCode: isRaised ? 0 : 1, output: withRevision(lines.join("\n")) };
}

/** Redocly doesn't compare the values of examples. */
const OTHER_EXAMPLES: Change = {
  kind: "modified",
  typeName: "Example",
  path: "examples",
  impact: "patch",
  verdicts: [],
};

async function haveOtherExamples(...files: readonly string[]): Promise<boolean> {
  const [before, after] = await Promise.all(files.map(readContract));
  return !isDeepStrictEqual(before?.paths, after?.paths);
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
