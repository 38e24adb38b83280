/// <reference types="node" />
import { createInterface } from "node:readline";
import OpenAI from "openai";
import pMap from "p-map";

const concurrency = Number(process.argv[2]);
const client = new OpenAI();
await pMap(createInterface(process.stdin), (uploadId) => client.uploads.cancel(uploadId), { concurrency });
