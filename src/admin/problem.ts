/** What went wrong with a request to the API, as RFC 9457 has it. Thrown by handlers, answered by the server. */
import { STATUS_CODES } from 'node:http';

export class Problem extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  /** `detail` says what to do about it where there is something to do. */
  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.headers = headers;
  }

  document(): object {
    return {
      type: 'about:blank',
      title: STATUS_CODES[this.status] ?? 'Error',
      status: this.status,
      detail: this.message,
    };
  }
}
