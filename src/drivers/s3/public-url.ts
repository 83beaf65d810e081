import { StorageError } from '../../errors/index.js'
import { encodeKey } from './encode-key.js'
import { isAwsHost, objectKey, parseUrl, type S3Settings } from './settings.js'

/** Where the object is for everybody who may read it. `region` is the one found by the client, if it was found. */
export function publicUrl(settings: S3Settings, key: string, region: string | undefined): string {
  const path = encodeKey(objectKey(settings, key, 'publicUrl'))
  const { bucket, endpoint, forcePathStyle, publicBaseUrl } = settings
  if (publicBaseUrl !== undefined) return `${publicBaseUrl}/${path}`
  // A certificate for *.s3.region.amazonaws.com does not cover a bucket name with dots.
  const dotted = bucket.includes('.')
  const url = endpoint === undefined ? undefined : parseUrl(endpoint)
  if (url) {
    const pathStyle = forcePathStyle ?? (dotted || !isAwsHost(url.hostname))
    const base = url.pathname.replace(/\/+$/, '')
    return pathStyle
      ? `${url.origin}${base}/${bucket}/${path}`
      : `${url.protocol}//${bucket}.${url.host}${base}/${path}`
  }
  const place = settings.region ?? region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION
  if (!place) {
    throw new StorageError('CONFIGURATION', 'A public URL needs the region of the bucket.', {
      operation: 'publicUrl',
      driver: 's3',
      hint: 'Pass region or publicBaseUrl, or set AWS_REGION.',
    })
  }
  const host = `s3.${place}.amazonaws.com${place.startsWith('cn-') ? '.cn' : ''}`
  return forcePathStyle || dotted ? `https://${host}/${bucket}/${path}` : `https://${bucket}.${host}/${path}`
}
