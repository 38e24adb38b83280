export type { components, operations, paths } from "../generated/openapi.js";
export {
  type CancelledUpload,
  type CancelUploadOptions,
  type CancelUploadResult,
  type CancelUploadsOptions,
  cancelUpload,
  cancelUploads,
  type OpenAIFile,
  type Upload,
} from "./cancel-upload.js";
export { type Client, type ClientOptions, createClient } from "./client.js";
export {
  ApiError,
  ClientError,
  ConnectionError,
  type ErrorResponse,
  InvalidResponseError,
  TimeoutError,
} from "./errors.js";
