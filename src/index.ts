export type { FetchResponse, Middleware } from "openapi-fetch";
export type { components, operations, paths } from "../generated/openapi.js";
export { cancelOnFailure } from "./cancel-on-failure.js";
export {
  type CancelledUpload,
  type CancelUploadOptions,
  cancelUpload,
  type OpenAIFile,
  type Upload,
} from "./cancel-upload.js";
export {
  type CancelUploadResult,
  type CancelUploadsOptions,
  cancelUploads,
  type UploadIds,
} from "./cancel-uploads.js";
export { type CallOptions, type Client, type ClientOptions, type ClientSettings, createClient } from "./client.js";
export {
  ApiError,
  CancelFailedError,
  ClientError,
  ConnectionError,
  type ErrorCode,
  type ErrorResponse,
  InvalidResponseError,
  TimeoutError,
} from "./errors.js";
export type { RetryOptions } from "./retry.js";
