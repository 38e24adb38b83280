import { expect, test } from "vitest";
import * as publicSurface from "../src/index.js";

test("the package exports these functions and errors", () => {
  expect(Object.keys(publicSurface).sort()).toEqual([
    "ApiError",
    "CancelFailedError",
    "ClientError",
    "ConnectionError",
    "InvalidResponseError",
    "TimeoutError",
    "cancelOnFailure",
    "cancelUpload",
    "cancelUploads",
    "createClient",
  ]);
});
