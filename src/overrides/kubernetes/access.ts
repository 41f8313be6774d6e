/** Where the API server is, and the credentials for it. */
export interface Access {
  /** Without a trailing slash. */
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
