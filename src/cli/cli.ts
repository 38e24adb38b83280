#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { main } from "./main.js";
import { installFetch } from "./network.js";

// V8 would rather take twice the memory than collect garbage, and a run can have a million IDs.
setFlagsFromString("--heap-growing-percent=30");

process.exitCode = await main(process.argv.slice(2), process, installFetch);
