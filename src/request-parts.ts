/**
 * What a Request is made of. openapi-fetch only hands its Request on, and `fetch` makes one of its own, so that this is
 * enough if no middleware looks at it; to make one more would take longer than the rest of a call's own work.
 */
export class RequestParts {
  readonly url: string;
  readonly headers: Headers;
  readonly init: RequestInit;

  constructor(url: string, init: RequestInit & { readonly headers: Headers }) {
    this.url = url;
    this.headers = init.headers;
    this.init = init;
  }
}
