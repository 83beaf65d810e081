export { S3Driver } from './driver.js'
export type {
  S3ClientLike,
  S3Credentials,
  S3DriverOptions,
  S3Encryption,
  S3Features,
  S3Timeouts,
  S3Transport,
} from './options.js'
export type { SweepUploadsOptions, SweptUploads } from './uploads.js'
