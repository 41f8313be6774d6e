/** Where the API server is, and how to speak to it. */
export interface Access {
  /** Without a slash at the end. */
  readonly server: string;
  /** Of the pod, or of the current context. */
  readonly namespace: string;
  readonly token: string | undefined;
  readonly tls: AccessTls;
}

interface AccessTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}
