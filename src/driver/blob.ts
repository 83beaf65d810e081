/** Who may read a blob without credentials. */
export type Visibility = 'private' | 'public'

/** What a caller may say about a blob when it is written; it comes back with every read. */
export interface BlobAttributes {
  /** MIME type. By default the one that the key's extension suggests, else `application/octet-stream`. */
  readonly contentType?: string | undefined
  readonly cacheControl?: string | undefined
  readonly contentDisposition?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly contentLanguage?: string | undefined
  /**
   * The application's own facts. Names are compared and kept in lower case and are HTTP tokens (RFC 9110 section
   * 5.6.2); values are any text without control characters. Together at most 2 KiB (2048 bytes) of UTF-8.
   */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** `private` by default. Drivers without the capability refuse `public` with NOT_SUPPORTED. */
  readonly visibility?: Visibility | undefined
}

/** One version of a blob, without its bytes. */
export interface BlobInfo {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Opaque and unquoted; changes whenever the bytes do. `W/` in front marks a weak one (RFC 9110 section 8.8.3). */
  readonly etag: string
  /** When this version was published, by the clock of the storage. */
  readonly lastModified: Date
  readonly contentType: string
  readonly cacheControl?: string | undefined
  readonly contentDisposition?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly contentLanguage?: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  /** Lower-case hex, where the driver knows it without reading the blob. */
  readonly sha256?: string | undefined
  readonly visibility?: Visibility | undefined
  /** Names the write that made this version, where the driver keeps that: see `PutOptions.writeToken`. */
  readonly writeToken?: string | undefined
}

/** What a list knows of a blob. `head` tells the rest. */
export interface ListedBlob {
  readonly type: 'blob'
  readonly key: string
  /** Bytes. */
  readonly size: number
  readonly etag: string
  readonly lastModified: Date
}

/** All the keys that start with `prefix`, rolled up by a delimiter. `prefix` ends in the delimiter. */
export interface ListedPrefix {
  readonly type: 'prefix'
  readonly prefix: string
}

export type ListEntry = ListedBlob | ListedPrefix
