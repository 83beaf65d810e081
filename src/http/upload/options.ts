import type { BlobAttributes } from '../../driver/index.js'
import type { StoredBlob } from '../../store/index.js'
import type { HttpRequest } from '../message.js'
import type { ExtensionRules } from './extensions.js'
import type { UploadLimits } from './limits.js'
import type { AllowedOrigins } from './origin.js'
import type { ScanInput } from './scan.js'
import type { SniffPolicy } from './sniff.js'
import type { UploadedFile } from './uploaded-file.js'

/** What the application's functions are told of a file that is on its way in. */
export interface FileInput<Native = unknown> {
  readonly file: UploadedFile
  /** Fields of the form that came before the file. A form should send those that count first. */
  readonly fields: FormFields
  readonly request: HttpRequest
  /** The framework's own request, with whatever the middleware before has put on it: `req`, `request`. */
  readonly native: Native
}

/** Fields of a form by name, without a prototype. Of several with one name the last counts. */
export type FormFields = Readonly<Record<string, string>>

/** What a file is stored with besides its type. */
export interface FileAttributes extends Omit<BlobAttributes, 'contentType' | 'contentEncoding'> {
  /**
   * `*`: only where the key is free, else 412. Such a put does not fall back in an outage, and needs a driver with
   * conditional puts; a key made with `uniqueName` is free anyway.
   */
  readonly ifNoneMatch?: '*' | undefined
}

/** What is done with each file, however it comes in. */
export interface FileOptions<Native = unknown> {
  /** The kind of file, for the store's routing policy. None by default. */
  readonly kind?: string | ((input: FileInput<Native>) => string | undefined) | undefined
  /** Cache-Control, metadata, visibility and the like. None by default. */
  readonly attributes?:
    | ((input: FileInput<Native> & { readonly key: string }) => FileAttributes | Promise<FileAttributes>)
    | undefined
  readonly limits?: UploadLimits | undefined
  /** How the declared type is checked against the first bytes; `correct` by default. */
  readonly sniff?: SniffPolicy | undefined
  /**
   * Media types that are taken, `image/*` for all of a sort, judged by the type that the file is stored with; 415 for
   * others. All by default.
   */
  readonly types?: readonly string[] | undefined
  /** Extensions that are taken; 415 for others. All by default. */
  readonly extensions?: ExtensionRules | undefined
  /**
   * Looks at the bytes of each file: `true` lets it in, anything else is 422. Nothing can be read under the key before it
   * has answered. What it throws is a 500, and stores nothing either.
   */
  readonly scan?: ((input: FileInput<Native> & ScanInput) => boolean | Promise<boolean>) | undefined
  /**
   * Origins (`https://app.example.com`) whose pages may send files besides those of the same site; `false`: all may. A
   * request that a page of another site makes a browser send is refused with 403.
   */
  readonly origins?: AllowedOrigins | undefined
  /** Called as bytes of the request arrive. Must not throw. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined
  /**
   * Whether this file may go to this key, asked before any of it is stored; throws what is to be answered. For routes that
   * have a rule of their own; by default it may.
   */
  readonly permit?:
    | ((input: FileInput<Native> & { readonly key: string; readonly driver: string }) => Promise<void>)
    | undefined
}

/** How far a request has come. */
export interface UploadProgress {
  /** Bytes of its body so far. */
  readonly bytes: number
  /** Bytes altogether, where the request says. */
  readonly total?: number | undefined
  /** The file that is arriving, once its name and type are known. */
  readonly file?: UploadedFile | undefined
}

/** How the files of a form are stored. */
export interface UploadOptions<Native = unknown> extends FileOptions<Native> {
  /**
   * The key of a file. `file.uniqueName` in it keeps uploads apart; a key that exists already is overwritten, and two files
   * of one request may not have the same (409).
   */
  readonly key: (input: FileInput<Native>) => string | Promise<string>
  /**
   * Whether the files of a request are stored all or none; on by default. Off: a file that is refused does not keep the
   * others out, and is told in `failures`. What is wrong with the request as a whole (it breaks off, it has too many
   * parts) stores none in either case.
   */
  readonly atomic?: boolean | undefined
}

/** A file that was stored. */
export interface UploadedBlob extends StoredBlob {
  /** The form's field. */
  readonly field: string
  /** What the client calls it, made safe. */
  readonly name: string
}
