/**
 * Calls to the API, relative to where the page is, so that it works behind a path prefix. The token that is typed in is
 * kept in this variable and nowhere else.
 */

let token = '';

export function useToken(text: string): void {
  token = text;
}

export function hasToken(): boolean {
  return token !== '';
}

/** The API said no, in the words of its problem document. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call('GET', path, undefined, signal)).json();
}

export async function write<T>(method: 'PUT' | 'POST' | 'DELETE', path: string, body: object): Promise<T> {
  return (await call(method, path, body)).json();
}

async function call(method: string, path: string, body?: object, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(`api/v1/${path}`, {
    method,
    headers: {
      ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
    cache: 'no-store',
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Refused(response.status, String(problem.detail ?? response.statusText));
}

export interface StreamListener {
  event(name: string, data: unknown): void;
  /** `connected` false: it tries again by itself. `why` where the API said no. */
  state(connected: boolean, why: Refused | undefined): void;
}

/** Events come every two seconds: a stream that is silent for so long is dead. */
const SILENCE_MS = 7000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

/** Follows the stream until it is ended. EventSource can not send a token, so this reads it as what it is: text. */
export function follow(query: string, listener: StreamListener): () => void {
  const ending = new AbortController();
  void (async () => {
    for (let attempt = 0; !ending.signal.aborted; attempt++) {
      let refused: Refused | undefined;
      try {
        await readStream(query, ending.signal, (name, data) => {
          attempt = 0;
          listener.state(true, undefined);
          listener.event(name, data);
        });
      } catch (error) {
        if (error instanceof Refused) refused = error;
      }
      if (ending.signal.aborted) return;
      listener.state(false, refused);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]));
    }
  })();
  return () => ending.abort();
}

async function readStream(
  query: string,
  ended: AbortSignal,
  event: (name: string, data: unknown) => void,
): Promise<void> {
  const silence = new AbortController();
  let watchdog = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const response = await call(
      'GET',
      `stream?${query}`,
      undefined,
      AbortSignal.any([ended, silence.signal]),
    );
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: '' };
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => silence.abort(), SILENCE_MS);
      const blocks = (text + value).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, name = '', data = 'null'] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
        event(name, JSON.parse(data));
      }
    }
  } finally {
    clearTimeout(watchdog);
  }
}
