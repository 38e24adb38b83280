export function connect(baseUrl: string) {
  return async (uploadId: string): Promise<unknown> => {
    const response = await fetch(`${baseUrl}/uploads/${encodeURIComponent(uploadId)}/cancel`, {
      method: "POST",
      headers: { authorization: "Bearer sk-bench" },
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return await response.json();
  };
}
