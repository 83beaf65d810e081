/**
 * What a driver can do, as far as it knows. A driver that learns more about its endpoint replaces the whole object.
 * A call that needs a missing capability rejects with NOT_SUPPORTED and has no effect.
 */
export interface DriverCapabilities {
  /** `ifNoneMatch: '*'` on put, judged in the same instant as the publish. */
  readonly createOnly: boolean
  /** `ifMatch` on put, judged in the same instant as the publish. */
  readonly conditionalUpdate: boolean
  /** `ifMatch` on delete, judged in the same instant as the removal. */
  readonly conditionalDelete: boolean
  /** `ifNoneMatch: '*'` on copy. */
  readonly conditionalCopy: boolean
  /** `signUrl`. */
  readonly signedUrls: boolean
  /** `signUpload`. */
  readonly signedUploads: boolean
  /** `publicUrl`. */
  readonly publicUrls: boolean
  /** `visibility: 'public'` on put, `setVisibility`, `getVisibility`. */
  readonly visibility: boolean
  /** Bytes that a key may have. */
  readonly maxKeyBytes: number
  /** Bytes of user metadata, names and values together. */
  readonly maxMetadataBytes: number
  /** Bytes that one blob may have; undefined where there is no limit of the driver's own. */
  readonly maxSize?: number | undefined
}
