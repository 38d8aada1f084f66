/** An answer other than the one that was asked for, as RFC 9457 describes problems. */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;

  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, title: string, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.title = title;
    this.headers = headers;
  }

  response(instance: string): Response {
    const { status, title, message } = this;
    const body = { type: 'about:blank', title, status, detail: message, instance };
    const headers = { ...this.headers, 'content-type': 'application/problem+json' };
    return new Response(JSON.stringify(body), { status, headers });
  }
}

/** The problem that an error is. What the library says of an argument is for the client; anything else is not. */
export function problemOf(error: unknown, signal: AbortSignal): Problem {
  if (error instanceof Problem) return error;
  if (signal.aborted) return new Problem(499, 'Client Closed Request', 'the client left');
  if (error instanceof RangeError || error instanceof TypeError) {
    return new Problem(422, 'Unprocessable Content', error.message);
  }
  console.error(error);
  return new Problem(500, 'Internal Server Error', 'the service failed');
}
