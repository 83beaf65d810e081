/** Keys that sign requests. */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
  /** When they stop working. Signed URLs never outlive it. */
  readonly expiration?: Date | undefined
}

/**
 * What the driver needs of a client of your own: an `S3Client` of @aws-sdk/client-s3, wrapped or mocked as you like.
 * Its own settings (region, credentials, endpoint, attempts, timeouts) hold, and the driver never destroys it.
 */
export interface S3ClientLike {
  send(command: object, options?: object): Promise<unknown>
  readonly config: object
}

/**
 * Server-side encryption: `AES256` (S3's own keys), a KMS key, or `bucket`: no header, so that the bucket's default
 * applies. A MinIO without KMS refuses the header, so `bucket` is the default away from AWS.
 */
export type S3Encryption = 'AES256' | 'bucket' | { readonly kms: string }

/** What carries the requests, see `S3DriverOptions.transport`. */
export type S3Transport = 'auto' | 'direct' | 'sdk'

export interface S3Timeouts {
  /** Milliseconds until a connection must stand; 5,000 by default. */
  readonly connect?: number | undefined
  /**
   * Milliseconds until an answer must have begun, for each attempt; 30,000 by default. The time that the body of a
   * request takes at 32 KiB a second comes on top.
   */
  readonly response?: number | undefined
  /** Milliseconds that the body of an answer may pause while somebody waits for it; 30,000 by default. */
  readonly idle?: number | undefined
}

/** What an S3 endpoint can do beyond the basics. AWS can do all of it; look-alikes differ and are asked. */
export interface S3Features {
  /** `If-None-Match: *` on PutObject. */
  readonly conditionalCreate: boolean
  /** `If-Match` on PutObject, and whether the etag goes in quotes (RFC 9110) or bare (Ceph). */
  readonly conditionalUpdate: 'quoted' | 'bare' | false
  /** The same conditions on CompleteMultipartUpload. */
  readonly conditionalComplete: boolean
  /** `If-Match` on DeleteObject. */
  readonly conditionalDelete: boolean
  /** `If-None-Match: *` on CopyObject. */
  readonly conditionalCopy: boolean
}

export interface S3DriverOptions {
  readonly bucket: string
  /** By default AWS_REGION or the AWS profile's. Look-alikes mostly take `us-east-1`. */
  readonly region?: string | undefined
  /** URL of a look-alike (Ceph, MinIO, R2, ...). Without it AWS, or what AWS_ENDPOINT_URL_S3 says. */
  readonly endpoint?: string | undefined
  /** The bucket in the path instead of the host name; true by default where the endpoint is not AWS. */
  readonly forcePathStyle?: boolean | undefined
  /** By default the AWS credential chain: environment, profile, web identity, container, instance. */
  readonly credentials?: S3Credentials | (() => Promise<S3Credentials>) | undefined
  /** Folder of the bucket in which all keys live; a `/` is added. The keys of the driver do not show it. */
  readonly prefix?: string | undefined
  /** A client of your own instead of `region`, `endpoint`, `credentials`, `maxAttempts` and `timeouts`. */
  readonly client?: S3ClientLike | undefined
  /** `AES256` on AWS endpoints, `bucket` elsewhere. */
  readonly sse?: S3Encryption | undefined
  /** Bytes of a part of a multipart upload, and up to which a body goes out in one request; 8 MiB by default. */
  readonly partSize?: number | undefined
  /** Parts of one upload under way at once; 4 by default. A put takes about `partSize * (queueSize + 1)` bytes of memory. */
  readonly queueSize?: number | undefined
  /** Requests made before a transient failure is reported; 3 by default. */
  readonly maxAttempts?: number | undefined
  readonly timeouts?: S3Timeouts | undefined
  /**
   * What carries get, head, put, delete, list and the parts of uploads: `direct`, signed here and sent by undici, takes a
   * fraction of the SDK's CPU; `sdk` sends everything through @aws-sdk/client-s3. `auto`, the default, is direct except
   * where only the SDK can do it: a `client` of your own, access points, S3 Express.
   */
  readonly transport?: S3Transport | undefined
  /** What `publicUrl` puts in front of the encoded key (prefix included), such as a CDN. */
  readonly publicBaseUrl?: string | undefined
  /** Whether objects have ACLs here; true by default. False where the bucket's owner enforces ownership. */
  readonly visibility?: boolean | undefined
  /** What the endpoint is known to do; what is not said is asked of it, once, when first needed. */
  readonly features?: Partial<S3Features> | undefined
  /** Called for each key that a list meets and that no driver could hold (key rules), such as `folder/`. Must not throw. */
  readonly onSkippedKey?: ((skipped: { readonly key: string; readonly problem: string }) => void) | undefined
}
