import type { Client, ErrorResponse } from "openai-cancel-upload";
import createQueryClient from "openapi-react-query";
import type { ReactElement } from "react";

/** A button that cancels an Upload, by openapi-react-query with the client. */
export function CancelButton({ client, uploadId }: { client: Client; uploadId: string }): ReactElement {
  const { mutate, data, error, isPending } = createQueryClient(client).useMutation(
    "post",
    "/uploads/{upload_id}/cancel",
  );
  return (
    <button type="button" disabled={isPending} onClick={() => mutate({ params: { path: { upload_id: uploadId } } })}>
      {error ? messageOf(error) : (data?.status ?? "Cancel")}
    </button>
  );
}

/** @param error An `Error` if there was no answer, else the body of the answer, which may be anything if it is a gateway's. */
function messageOf(error: Error | Partial<ErrorResponse>): string {
  return (error instanceof Error ? error : error.error)?.message ?? "Not cancelled";
}
