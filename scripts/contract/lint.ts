// Lints the contract, without the notice that Redocly CLI prints on Node 20, the oldest Node that is supported here.
import { redocly } from "./redocly.js";

const { ok, output } = await redocly("lint");
console.log(output);
process.exitCode = ok ? 0 : 1;
