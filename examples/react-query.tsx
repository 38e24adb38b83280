import type { Client, ErrorResponse } from "openai-cancel-upload";
import createQueryClient from "openapi-react-query";
import type { ReactElement } from "react";

/** A button that cancels an Upload, with openapi-react-query over the client. */
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

/** An `Error` if the API gave no answer; else what it answered, which from a gateway may be anything. */
function messageOf(error: Error | Partial<ErrorResponse>): string {
  return (error instanceof Error ? error : error.error)?.message ?? "Not cancelled";
}
