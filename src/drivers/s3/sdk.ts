import type * as ClientS3 from '@aws-sdk/client-s3'
import type * as LibStorage from '@aws-sdk/lib-storage'
import type * as PostPresigner from '@aws-sdk/s3-presigned-post'
import type * as Presigner from '@aws-sdk/s3-request-presigner'
import { StorageError } from '../../errors/index.js'

export type Sdk = typeof ClientS3

/** The commands in use: what goes in, what comes out. */
export interface Commands {
  PutObject: [ClientS3.PutObjectCommandInput, ClientS3.PutObjectCommandOutput]
  GetObject: [ClientS3.GetObjectCommandInput, ClientS3.GetObjectCommandOutput]
  HeadObject: [ClientS3.HeadObjectCommandInput, ClientS3.HeadObjectCommandOutput]
  DeleteObject: [ClientS3.DeleteObjectCommandInput, ClientS3.DeleteObjectCommandOutput]
  DeleteObjects: [ClientS3.DeleteObjectsCommandInput, ClientS3.DeleteObjectsCommandOutput]
  CopyObject: [ClientS3.CopyObjectCommandInput, ClientS3.CopyObjectCommandOutput]
  ListObjectsV2: [ClientS3.ListObjectsV2CommandInput, ClientS3.ListObjectsV2CommandOutput]
  CreateMultipartUpload: [ClientS3.CreateMultipartUploadCommandInput, ClientS3.CreateMultipartUploadCommandOutput]
  UploadPart: [ClientS3.UploadPartCommandInput, ClientS3.UploadPartCommandOutput]
  UploadPartCopy: [ClientS3.UploadPartCopyCommandInput, ClientS3.UploadPartCopyCommandOutput]
  CompleteMultipartUpload: [ClientS3.CompleteMultipartUploadCommandInput, ClientS3.CompleteMultipartUploadCommandOutput]
  AbortMultipartUpload: [ClientS3.AbortMultipartUploadCommandInput, ClientS3.AbortMultipartUploadCommandOutput]
  ListMultipartUploads: [ClientS3.ListMultipartUploadsCommandInput, ClientS3.ListMultipartUploadsCommandOutput]
  PutObjectAcl: [ClientS3.PutObjectAclCommandInput, ClientS3.PutObjectAclCommandOutput]
  GetObjectAcl: [ClientS3.GetObjectAclCommandInput, ClientS3.GetObjectAclCommandOutput]
}

/** The SDK is an optional peer: applications that store on disk only need not install it. */
export async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (cause) {
    throw missingPeer('@aws-sdk/client-s3', cause)
  }
}

export async function loadLibStorage(): Promise<typeof LibStorage> {
  try {
    return await import('@aws-sdk/lib-storage')
  } catch (cause) {
    throw missingPeer('@aws-sdk/lib-storage', cause)
  }
}

export async function loadPresigner(): Promise<typeof Presigner> {
  try {
    return await import('@aws-sdk/s3-request-presigner')
  } catch (cause) {
    throw missingPeer('@aws-sdk/s3-request-presigner', cause)
  }
}

export async function loadPostPresigner(): Promise<typeof PostPresigner> {
  try {
    return await import('@aws-sdk/s3-presigned-post')
  } catch (cause) {
    throw missingPeer('@aws-sdk/s3-presigned-post', cause)
  }
}

function missingPeer(name: string, cause: unknown): StorageError {
  return new StorageError('CONFIGURATION', `The package ${name} cannot be loaded.`, {
    driver: 's3',
    hint: `Run: npm install ${name}`,
    outcome: 'unchanged',
    cause,
  })
}
