/// <reference types="node" />
import { createInterface } from "node:readline";
import { cancelUploads, createClient } from "openai-cancel-upload";

const concurrency = Number(process.argv[2]);
const uploadIds = createInterface(process.stdin);
for await (const { error } of cancelUploads(createClient(), uploadIds, { concurrency })) if (error) throw error;
