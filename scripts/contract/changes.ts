import { isDeepStrictEqual } from "node:util";
import openapiTypescript, { astToString } from "openapi-typescript";
import { type Contract, endpointsOf } from "./contract.js";
import { OPEN, type Place, parentOf, placesOf } from "./facts.js";

/** What a change needs: a major version if a caller's code no longer compiles, and a minor version for something new. */
export type Impact = "major" | "minor" | "patch";

export interface Change {
  readonly impact: Impact;
  readonly what: string;
  /** Whether the generated types show such a change. */
  readonly isTyped: boolean;
}

/** Keywords of a response that its type doesn't show. */
const UNTYPED = /^(format|pattern|multipleOf|uniqueItems|(min|max|exclusiveMin|exclusiveMax)[A-Zi]\w+)$/;

/** What changed between two versions of the contract. */
export async function changesBetween(before: Contract, after: Contract): Promise<Change[]> {
  const changes = new Map<string, Change>(); // a place in several responses counts once
  const note = (impact: Impact, what: string) => changes.set(what, { impact, what, isTyped: false });
  const later = new Map(endpointsOf(after).map((endpoint) => [endpoint.name, endpoint]));
  for (const endpoint of endpointsOf(before)) {
    const { name, operationId } = endpoint;
    const same = later.get(name);
    if (same === undefined) note("major", `removed ${name}`);
    else
      for (const change of changesIn(placesOf(before, endpoint), placesOf(after, same)))
        changes.set(change.what, change);
    if (same && same.operationId !== operationId) note("major", `renamed ${name}`);
    later.delete(name);
  }
  for (const name of later.keys()) note("minor", `added ${name}`);

  const [schemas = {}, old = {}] = [after.components?.schemas, before.components?.schemas];
  for (const name in old) if (!(name in schemas)) note("major", `removed the schema ${name}`);
  for (const name in schemas) if (!(name in old)) note("patch", `added the schema ${name}`);
  const accessTo = ({ servers = [], security }: Contract) => [servers.map(({ url }) => url), security];
  if (!isDeepStrictEqual(accessTo(before), accessTo(after))) note("major", "changed servers or security");
  const withoutVersion = (document: Contract) => ({ ...document, info: { ...document.info, version: "" } });
  if (changes.size === 0 && !isDeepStrictEqual(withoutVersion(before), withoutVersion(after))) {
    note("patch", "changed wording, examples or notation");
  }
  const all = [...changes.values()];
  const isUnseen = all.some(({ isTyped }) => isTyped) && (await typesOf(before)) === (await typesOf(after));
  return isUnseen ? all.map((change) => (change.isTyped ? { ...change, impact: "patch" } : change)) : all;
}

function changesIn(before: Map<string, Place>, after: Map<string, Place>): Change[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [old, place] = [before.get(name), after.get(name)];
    const parent = parentOf(name);
    const isInResponse = /^ › (\d|default)/.test(name);
    const isTyped = isInResponse && !name.includes(" › header ");
    const change = (impact: Impact, what: string) => [{ impact, what: `${what} ${(place ?? old)?.pointer}`, isTyped }];
    // The parts of an object that was added or removed aren't listed.
    if (!place) return after.has(parent) ? change("major", "removed") : [];
    if (!old) {
      const isDemanded = !isInResponse && place.facts.has("required");
      return before.has(parent) ? change(isDemanded ? "major" : "minor", "added") : [];
    }
    const gained = [...place.facts].filter((fact) => !old.facts.has(fact));
    const lost = [...old.facts].filter((fact) => !place.facts.has(fact));
    const keywords = [...new Set([...old.limits.keys(), ...place.limits.keys()])].filter(
      (key) => !isDeepStrictEqual(old.limits.get(key), place.limits.get(key)) && !(isInResponse && UNTYPED.test(key)),
    );
    if (gained.length + lost.length + keywords.length === 0) return [];
    const how = [...gained.map((fact) => `+${fact}`), ...lost.map((fact) => `-${fact}`), ...keywords].join(" ");
    const breaks = isInResponse ? breaksReader : breaksSender;
    const isBreaking = breaks(old, place, gained, lost) || keywords.some((key) => isTighter(key, old, place));
    return change(isBreaking ? "major" : /^[+-]deprecated$/.test(how) ? "patch" : "minor", `changed (${how})`);
  });
}

const FLAG = /^(required|deprecated)$/;
const isValue = (fact: string) => /^["\d-]|^(true|false)$/.test(fact);
const hasValues = ({ facts }: Place) => [...facts].some(isValue);

/** Whether a value or type is gone, or a value is new in a list that was complete. */
function breaksReader(old: Place, place: Place, gained: readonly string[], lost: readonly string[]): boolean {
  if (lost.some((fact) => !/^(null|deprecated)$/.test(fact))) return true;
  return gained.some((fact) => {
    if (fact === OPEN) return hasValues(old);
    return isValue(fact) ? !place.facts.has(OPEN) : !FLAG.test(fact);
  });
}

/** Whether something that could be sent is no longer allowed, or something is newly required. */
function breaksSender(old: Place, place: Place, gained: readonly string[], lost: readonly string[]): boolean {
  if (lost.some((fact) => (isValue(fact) ? hasValues(place) : !FLAG.test(fact)))) return true;
  return gained.some((fact) => fact === "required" || (isValue(fact) && !hasValues(old) && !place.facts.has(OPEN)));
}

function isTighter(key: string, old: Place, place: Place): boolean {
  const [before, after] = [old.limits.get(key), place.limits.get(key)];
  if (typeof after === "boolean") return after === (key === "uniqueItems"); // or additionalProperties
  if (typeof before !== "number" || typeof after !== "number" || key === "multipleOf") return after !== undefined;
  return /max/i.test(key) ? after < before : after > before;
}

/** The types that callers use, without comments. */
async function typesOf(description: Contract): Promise<string> {
  const types = await openapiTypescript(JSON.stringify(description));
  return astToString(types).replaceAll(/^ *\/\*\*.*?\*\/\n/gms, "");
}
