import type { SignalOptions, Visibility } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import type { Connection } from './connection.js'
import { objectKey } from './settings.js'

const ALL_USERS = 'http://acs.amazonaws.com/groups/global/AllUsers'

/** Whether the object's ACL lets everybody read it. A bucket policy may say something else, and is not looked at. */
export async function getVisibility(
  s3: Connection,
  key: string,
  { signal }: SignalOptions = {},
  operation = 'getVisibility',
): Promise<Visibility> {
  const target = { Bucket: s3.settings.bucket, Key: objectKey(s3.settings, key, operation) }
  assertAcls(s3, operation)
  const { Grants = [] } = await s3.send('GetObjectAcl', target, { operation, key, signal })
  const open = Grants.some(({ Grantee, Permission }) => {
    return Grantee?.URI === ALL_USERS && (Permission === 'READ' || Permission === 'FULL_CONTROL')
  })
  return open ? 'public' : 'private'
}

export async function setVisibility(
  s3: Connection,
  key: string,
  visibility: Visibility,
  { signal }: SignalOptions = {},
): Promise<void> {
  const operation = 'setVisibility'
  const target = { Bucket: s3.settings.bucket, Key: objectKey(s3.settings, key, operation) }
  if (visibility !== 'private' && visibility !== 'public') {
    throw new StorageError('INVALID_ARGUMENT', 'visibility is neither private nor public.', {
      operation,
      outcome: 'unchanged',
    })
  }
  assertAcls(s3, operation)
  const ACL = visibility === 'public' ? 'public-read' : 'private'
  await s3.send('PutObjectAcl', { ...target, ACL }, { operation, key, signal, change: true })
}

function assertAcls(s3: Connection, operation: string): void {
  if (s3.settings.visibility) return
  throw new StorageError('NOT_SUPPORTED', 'This S3 driver is set to use no ACLs (visibility: false).', {
    operation,
    driver: 's3',
    outcome: 'unchanged',
  })
}
