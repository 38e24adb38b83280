import { cancelledUpload } from "../test/support/contract.js";

/** What the API answers when it cancelled an Upload: the contract's example, under headers such as it sends. */
export const body: string = JSON.stringify(cancelledUpload, null, 2);

export const headers: Readonly<Record<string, string>> = {
  "content-type": "application/json",
  "x-request-id": "req_6a1b0c2d3e4f5a6b7c8d9e0f1a2b3c4d",
  "openai-organization": "org-abc123",
  "openai-processing-ms": "52",
  "openai-version": "2020-10-01",
  "cf-cache-status": "DYNAMIC",
  "cf-ray": "8f0a1b2c3d4e5f60-FRA",
  server: "cloudflare",
  "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
  "x-content-type-options": "nosniff",
  date: "Tue, 05 Nov 2024 09:21:36 GMT",
};
