import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { json, type Server, serve } from "./server.js";

interface Upload {
  readonly id: string;
  readonly filename: string;
  readonly bytes: number;
  readonly mime_type: string;
  status: "pending" | "completed" | "cancelled";
  /** The parts it accepted, by ID. */
  readonly parts: Map<string, Buffer>;
  partsInFlight: number;
  maxPartsInFlight: number;
  /** The content of the File, once the Upload is complete. */
  content?: Buffer;
  /** What was done to it, with the status of each response: `parts 200`. */
  readonly log: string[];
}

/** An error in place of the action, or an action whose response is lost. */
export type Fault =
  | { readonly status: number; readonly headers?: Record<string, string> }
  | "response lost"
  | undefined;

/**
 * Decides what goes wrong with a request to an Upload, which waits for the decision.
 *
 * @param action The end of its path: `parts`, `complete` or `cancel`.
 * @param data The content of a part.
 */
export type FaultOf = (action: string, upload: Upload, data: Buffer) => Fault | Promise<Fault>;

/** A server that creates Uploads and keeps track of their parts and statuses, as the API does. */
export interface UploadsServer extends Server {
  readonly uploads: readonly Upload[];
}

export async function serveUploads(faultOf: FaultOf = () => undefined): Promise<UploadsServer> {
  const uploads: Upload[] = [];
  const server = await serve(async (request, response) => {
    const [id, action] = request.url?.split("/").slice(3) ?? [];
    if (action === undefined) {
      const upload = create(`upload_${uploads.length + 1}`, JSON.parse(String(await buffer(request))));
      uploads.push(upload);
      return json(200, shown(upload))(request, response);
    }
    const upload = uploads.find((one) => one.id === id);
    if (upload === undefined)
      return json(404, { error: { message: `No such Upload object: ${id}` } })(request, response);

    const body = await buffer(request).catch(() => undefined);
    if (body === undefined) return; // The client aborted the request.
    const isPart = action === "parts";
    if (isPart) upload.maxPartsInFlight = Math.max(upload.maxPartsInFlight, ++upload.partsInFlight);
    const data = isPart ? await dataOf(body, request.headers["content-type"]) : body;
    const fault = await faultOf(action, upload, data);
    const [status, result] = typeof fault === "object" ? failure(fault.status, "Fault") : act(action, upload, data);
    if (isPart) upload.partsInFlight -= 1;
    if (fault === "response lost") return request.socket.destroy();
    upload.log.push(`${action} ${status}`);
    json(status, result, typeof fault === "object" ? fault.headers : {})(request, response);
  });
  return Object.assign(server, { uploads });
}

type Reply = readonly [status: number, body: object];

function act(action: string, upload: Upload, data: Buffer): Reply {
  if (upload.status !== "pending") return failure(400, `Upload ${upload.id} has already been ${upload.status}.`);
  if (action === "parts") {
    const id = `part_${upload.parts.size + 1}`;
    upload.parts.set(id, data);
    return [200, { id, object: "upload.part", upload_id: upload.id }];
  }
  if (action === "cancel") {
    upload.status = "cancelled";
    return [200, shown(upload)];
  }
  const { part_ids, md5 }: { part_ids: string[]; md5?: string } = JSON.parse(String(data));
  const content = Buffer.concat(part_ids.map((id) => upload.parts.get(id) ?? Buffer.of()));
  if (content.length !== upload.bytes) return failure(400, "The parts don't add up to the size of the Upload.");
  if (md5 !== undefined && createHash("md5").update(content).digest("hex") !== md5) {
    return failure(400, "The md5 doesn't match.");
  }
  Object.assign(upload, { status: "completed", content });
  return [200, { ...shown(upload), file: { id: `file-${upload.id}`, object: "file" } }];
}

function create(id: string, body: Pick<Upload, "filename" | "bytes" | "mime_type">): Upload {
  return { ...body, id, status: "pending", parts: new Map(), partsInFlight: 0, maxPartsInFlight: 0, log: [] };
}

function shown({ id, status, filename, bytes }: Upload): object {
  return { id, object: "upload", status, filename, bytes };
}

function failure(status: number, message: string): Reply {
  return [status, { error: { message, type: "invalid_request_error", param: null, code: null } }];
}

/** The content of the part in a multipart body. */
async function dataOf(body: Buffer, type = ""): Promise<Buffer> {
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
  return Buffer.from(await new Response(form.get("data")).arrayBuffer());
}
